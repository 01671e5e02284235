//! Browsers: what one brings to a sign-in, and an answer with its cookies.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use frontdesk::cookies::Kind;
use frontdesk::{Error, Json, Result, UserView};
use http::HeaderValue;
use http::header::SET_COOKIE;
use http::request::Parts;
use uuid::Uuid;

use crate::state::Auth;
use crate::store::Begun;
use crate::views::access_token;

/// How long a browser is known.
const DEVICE_LIFETIME: Duration = Duration::from_secs(365 * 24 * 3600);

/// The sessions that the cookies of a browser name, whoever's they are and whether they have ended or not.
pub(crate) struct BrowserSessions(pub(crate) Vec<Uuid>);

impl FromRequestParts<Auth> for BrowserSessions {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, auth: &Auth) -> std::result::Result<Self, Infallible> {
        let cookies = auth.app().cookies();
        let access = cookies.sent(Kind::Access, &parts.headers);
        let access =
            access.iter().filter_map(|text| auth.app().verifier().recognise(text).ok()).map(|claims| claims.sid);
        let refresh = cookies.sent(Kind::Refresh, &parts.headers);
        let refresh =
            refresh.iter().filter_map(|text| auth.refresh_token_key().open(text)).map(|token| token.session_id);
        Ok(Self(access.chain(refresh).collect()))
    }
}

/// An answer to a browser that has signed in or goes on: who it is, and the cookies.
pub(crate) struct SignedInBrowser {
    user: UserView,
    cookies: Vec<HeaderValue>,
}

impl SignedInBrowser {
    /// The answer with the cookies of a session, and of the device if the browser has an id.
    pub(crate) async fn new(auth: &Auth, begun: Begun, device: Option<Uuid>) -> Result<Self> {
        let tokens = auth.refresh_token_key();
        let idle = auth.lifetimes().refresh_idle;
        let set = |kind, value: &str, lifetime| {
            let cookie = auth.app().cookies().set(kind, value, lifetime);
            cookie.ok_or_else(|| Error::internal("a cookie is no header value"))
        };
        let mut cookies = vec![
            // Kept longer than the token is good, so that it can be told that its time is over.
            set(Kind::Access, &access_token(auth, &begun).await?, idle)?,
            set(Kind::Refresh, &tokens.token(begun.session_id, begun.refresh_counter), idle)?,
        ];
        if let Some(device) = device {
            cookies.push(set(Kind::Device, &tokens.device(device), DEVICE_LIFETIME)?);
        }
        Ok(Self { user: begun.user.into(), cookies })
    }
}

impl IntoResponse for SignedInBrowser {
    fn into_response(self) -> Response {
        let mut response = Json(self.user).into_response();
        for cookie in self.cookies {
            response.headers_mut().append(SET_COOKIE, cookie);
        }
        response
    }
}
