//! An answer to a browser that has signed in, or gone on: who it is, and the cookies.

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use frontdesk::cookies::Kind;
use frontdesk::time::now;
use frontdesk::{Error, Json, Result, UserView};
use http::HeaderValue;
use http::header::SET_COOKIE;

use crate::refresh_token::Device;
use crate::state::Auth;
use crate::store::Begun;
use crate::views::access_token;

/// How long a browser is known.
pub(crate) const DEVICE_LIFETIME: Duration = Duration::from_secs(365 * 24 * 3600);

/// See the module.
pub(crate) struct SignedInBrowser {
    user: UserView,
    cookies: Vec<HeaderValue>,
}

impl SignedInBrowser {
    pub(crate) async fn new(auth: &Auth, begun: Begun) -> Result<Self> {
        let tokens = auth.refresh_token_key();
        let idle = auth.lifetimes().refresh_idle;
        let set = |kind, value: &str, lifetime| auth.app().cookies().set(kind, value, lifetime);
        let cookies = [
            // Kept longer than the token is good, so that it can be told that its time is over.
            set(Kind::Access, &access_token(auth, &begun).await?, idle),
            set(Kind::Refresh, &tokens.token(begun.session_id, begun.refresh_counter), idle),
            set(Kind::Device, &tokens.device(Device { user_id: begun.user.id, since: now() }), DEVICE_LIFETIME),
        ];
        let cookies: Option<Vec<_>> = cookies.into_iter().collect();
        let cookies = cookies.ok_or_else(|| Error::internal("a cookie is no header value"))?;
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
