//! Go on with a session whose access token is over: its refresh token yields a new pair, once. Two tabs refresh at the same time,
//! and answers get lost: for ten seconds the token before is answered with what it was answered with first. Later it can only be
//! a stolen one, or one that was stolen from: the session ends.

use axum::extract::{FromRequestParts, State};
use axum::response::{IntoResponse as _, Response};
use frontdesk::access::{Anonymous, FromOurPage, SESSION_ENDED};
use frontdesk::cookies::Kind;
use frontdesk::openapi::{AnonymousRefusals, BodyRefusals, Failures, LimitRefusals};
use frontdesk::{Client, Error, ErrorBody, Json, OptionalJson, Result, UserView};
use http::HeaderMap;
use http::request::Parts;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::browser::SignedInBrowser;
use crate::refresh_token::RefreshToken;
use crate::state::Auth;
use crate::store::{self, Begun, Refreshed};
use crate::views::TokenView;

/// The result of a refresh.
#[derive(ToSchema)]
#[schema(as = Refreshed)]
#[serde(untagged)]
#[expect(dead_code, reason = "only its documentation is used")]
enum RefreshedView {
    /// The new tokens: the refresh token was in the body.
    Token(TokenView),
    /// The user: the refresh token was in a cookie.
    User(UserView),
}

/// The refresh token of a client that is not a browser.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"refresh_token": "fdr_2c1f0e0a9d3b4c55a1f7"}))]
pub(crate) struct Refresh {
    /// The refresh token that the sign-in or the last refresh returned. Absent or `null`: the one in the cookie.
    refresh_token: Option<String>,
}

/// Get new tokens for a session
///
/// With `refresh_token` in the body the response has the new pair of tokens. Without it the refresh cookie counts: the response
/// has the user, and sets new cookies.
///
/// The old refresh token stays valid for 10 seconds and returns the same new token again, so a request may be repeated. Later
/// reuse ends the session: 401 `refresh_reused`. Limit: 120 requests per session and hour.
#[utoipa::path(post, path = "/api/auth/refresh", tag = "auth", operation_id = "auth.refresh",
    security((), ("refresh_cookie" = [])),
    request_body(content = Option<Refresh>, description = "Clients that are not browsers send their refresh token. A browser \
        sends no body."),
    responses((status = 200, body = RefreshedView, description = "The new tokens, or the user if they are in cookies.",
            headers(("set-cookie" = String, description = "Sets the access, the refresh and the device cookie, if the request \
                used the refresh cookie."))),
        AnonymousRefusals, BodyRefusals, LimitRefusals, Failures,
        (status = 401, body = ErrorBody, description = "`not_authenticated`: neither the body nor a cookie has a refresh token.\n\
            `invalid_token`: the refresh token cannot be verified.\n`refresh_reused`\n`session_ended`")))]
pub(crate) async fn refresh(
    MayRefresh(anonymous): MayRefresh,
    State(auth): State<Auth>,
    (client, headers, page): (Client, HeaderMap, FromOurPage),
    input: Result<OptionalJson<Refresh>>,
) -> Result<Response> {
    let cookies = auth.app().cookies();
    let sent = cookies.sent(Kind::Refresh, &headers);
    let input = match input {
        Ok(OptionalJson(input)) => input,
        // What another site has sent with our cookie is refused for that, whatever is wrong with it besides.
        Err(_) if !sent.is_empty() && page.is_foreign() => return page.check().and(Err(INVALID)),
        Err(refusal) => return Err(refusal),
    };
    if let Some(Refresh { refresh_token: Some(refresh_token) }) = input {
        anonymous?;
        let token = auth.refresh_token_key().open(&refresh_token).ok_or(INVALID)?;
        let begun = rotate(&auth, &client, token).await?;
        return Ok(Json(TokenView::new(&auth, &begun).await?).into_response());
    }
    if sent.is_empty() {
        return Err(Error::Unauthenticated("not_authenticated", "Please sign in"));
    }
    // Another site of our domain can put a refresh token of its own beside this one or in its place, but not an access token,
    // whose cookie is of this host alone: the session is the one that both belong to.
    let access = cookies.sent(Kind::Access, &headers);
    let session = access.iter().find_map(|text| auth.app().verifier().recognise(text).ok()).map(|claims| claims.sid);
    let tokens: Vec<_> = sent.iter().filter_map(|text| auth.refresh_token_key().open(text)).collect();
    let session = session.or_else(|| tokens.first().map(|token| token.session_id)).ok_or(INVALID)?;
    // Of several that the browser has for one session, at different paths, the newest.
    let tokens = tokens.into_iter().filter(|token| token.session_id == session);
    let token = tokens.max_by_key(|token| token.counter).ok_or(INVALID)?;
    page.acts_by_cookie();
    page.check()?;
    let begun = rotate(&auth, &client, token).await?;
    // Kept by the browser for longer, as the other cookies are.
    let devices = cookies.sent(Kind::Device, &headers);
    let device = devices.iter().find_map(|text| auth.refresh_token_key().open_device(text));
    Ok(SignedInBrowser::new(&auth, begun, device).await?.into_response())
}

const INVALID: Error = Error::Unauthenticated("invalid_token", "The refresh token is not valid");

async fn rotate(auth: &Auth, client: &Client, token: RefreshToken) -> Result<Begun> {
    let refreshed = store::refresh_session(auth, client.actor(None), token).await?.decided()?;
    match refreshed {
        Some(Refreshed { is_reused: false, begun }) => Ok(begun),
        Some(Refreshed { is_reused: true, .. }) => Err(Error::SignedOut(
            "refresh_reused",
            "This refresh token was used before: the session has ended, please sign in again",
        )),
        None => Err(SESSION_ENDED),
    }
}

/// Anybody. Who sends no cookie can only have a token in the body: a page of another site that sends one is refused before it is
/// read. Where there is a cookie, the result is for a token in the body; for the cookie a stricter rule holds.
pub(crate) struct MayRefresh(Result<Anonymous>);

impl FromRequestParts<Auth> for MayRefresh {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, auth: &Auth) -> Result<Self> {
        let anonymous = Anonymous::from_request_parts(parts, auth).await;
        let is_cookie_sent = !auth.app().cookies().sent(Kind::Refresh, &parts.headers).is_empty();
        if is_cookie_sent { Ok(Self(anonymous)) } else { Ok(Self(Ok(anonymous?))) }
    }
}
