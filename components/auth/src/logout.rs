use axum::extract::{FromRequestParts, State};
use axum::response::{IntoResponse as _, Response};
use frontdesk::access::{FromOurPage, Recognised, SESSION_ENDED};
use frontdesk::cookies::Kind;
use frontdesk::openapi::{Failures, QueryRefusals};
use frontdesk::query::{self, Filters, Parameters, Query};
use frontdesk::{Client, Error, ErrorBody, Result};
use http::StatusCode;
use http::header::SET_COOKIE;
use http::request::Parts;
use utoipa::IntoParams;
use uuid::Uuid;

use crate::browser::BrowserSessions;
use crate::state::Auth;
use crate::store;

/// The sessions that a request leaves.
pub(crate) struct Leaving {
    /// Those that its access token and its refresh tokens name, each with the counter of its refresh token. There is at least one.
    named: Vec<(Uuid, Option<i32>)>,
    /// Whether a header names it. Then the cookies are left alone, unless their sessions end too.
    has_header: bool,
    /// The sessions that the cookies name.
    in_cookies: Vec<Uuid>,
    client: Client,
}

impl FromRequestParts<Auth> for Leaving {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, auth: &Auth) -> Result<Self> {
        let Ok(client) = Client::from_request_parts(parts, auth).await;
        let Ok(page) = FromOurPage::from_request_parts(parts, auth).await;
        let Ok(recognised) = Recognised::from_request_parts(parts, auth).await;
        let Ok(BrowserSessions(in_cookies)) = BrowserSessions::from_request_parts(parts, auth).await;
        let has_header = recognised.has_header();
        let by_access_token = recognised.session_id();
        let are_others = |session: Option<&Uuid>| in_cookies.iter().any(|other| Some(other) != session);
        if !has_header || !are_others(by_access_token.as_ref().ok()) {
            page.acts_by_cookie();
        }
        let sent = if has_header { Vec::new() } else { auth.app().cookies().sent(Kind::Refresh, &parts.headers) };
        let refresh_tokens = sent.iter().filter_map(|text| auth.refresh_token_key().open(text));
        let by_refresh_tokens = refresh_tokens.map(|token| (token.session_id, Some(token.counter)));
        let named: Vec<_> = by_access_token
            .as_ref()
            .ok()
            .map(|session| (*session, None))
            .into_iter()
            .chain(by_refresh_tokens)
            .collect();
        if let (true, Err(refusal)) = (named.is_empty(), by_access_token) {
            // A page of another site, with which browsers send no cookies, must not clear them.
            return Err(if page.is_from_another_site() { refusal } else { clearing_cookies(refusal) });
        }
        if !has_header {
            page.check()?;
        }
        Ok(Self { named, has_header, in_cookies, client })
    }
}

/// Whoever wants to be signed out is, as far as the browser goes.
fn clearing_cookies(refusal: Error) -> Error {
    match refusal {
        Error::Unauthenticated(code, text) => Error::SignedOut(code, text),
        other => other,
    }
}

/// Which sessions end.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Logout {
    /// `true`: all sessions of the user end. `false`, the default: only this one.
    #[param(value_type = Option<bool>)]
    all: bool,
}

impl Filters for Logout {
    fn take(parameters: &mut Parameters) -> Self {
        let all = parameters.get("all", "all is true or false", query::boolean);
        Self { all: all.unwrap_or_default() }
    }
}

/// Sign out
///
/// The session ends, and the access and the refresh cookie are cleared. An expired access token works too, and so does the
/// refresh cookie alone. The cookies of another session than that of the `authorization` header are left alone.
///
/// With `all=true` every session of the user ends, the known devices are forgotten, and the device cookie is cleared too.
///
/// The request is idempotent: without `all` it also succeeds for a session that has ended already.
#[utoipa::path(post, path = "/api/auth/logout", tag = "auth", operation_id = "auth.logout",
    security(("bearer" = []), ("refresh_cookie" = [])),
    params(Logout),
    responses((status = 204, description = "The session has ended.",
            headers(("set-cookie" = String, description = "Clears the access and the refresh cookie; with `all` the device \
                cookie too."))),
        QueryRefusals, Failures,
        (status = 401, body = ErrorBody, description = "`not_authenticated`\n`invalid_token`\n\
                `session_ended`: the session has ended already. Only with `all`: nothing else was ended.",
            headers(("set-cookie" = String, description = "Clears the access and the refresh cookie.")))))]
pub(crate) async fn logout(
    who: Leaving,
    Query(Logout { all }): Query<Logout>,
    State(auth): State<Auth>,
) -> Result<Response> {
    let Leaving { named, has_header, in_cookies, client } = who;
    let others = if has_header { &[] } else { in_cookies.as_slice() };
    let ended = store::end_sessions(auth.app().db(), client.actor(None), &named, others, all).await?;
    // Nobody is told that all sessions have ended whose own had ended before, which must not end others.
    if !ended.is_done {
        return Err(SESSION_ENDED);
    }
    let mut response = StatusCode::NO_CONTENT.into_response();
    let has_left = |session: Uuid| named.iter().any(|(left, _)| *left == session) || ended.has(session);
    if has_header && !in_cookies.into_iter().all(has_left) {
        return Ok(response);
    }
    let cookies = auth.app().cookies();
    let device = if all { cookies.clear_one(Kind::Device) } else { None };
    for cookie in cookies.clear().chain(device) {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    Ok(response)
}
