//! Sign out: of this session, or of all that the user has.
//!
//! Who comes with an access token whose time is over may leave too, and one who has left already.

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use frontdesk::access::Leaving;
use frontdesk::openapi::{Failures, QueryRefusals};
use frontdesk::query::{self, Filters, Parameters, Query};
use frontdesk::{ErrorBody, Result};
use http::StatusCode;
use http::header::SET_COOKIE;
use utoipa::IntoParams;

use crate::state::Auth;
use crate::store;

/// Which sessions end.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Logout {
    /// Whether every session of the user ends.
    #[param(value_type = Option<bool>)]
    all: bool,
}

impl Filters for Logout {
    fn take(parameters: &mut Parameters) -> Self {
        let all = parameters.get("all", "all is true or false", query::boolean);
        Self { all: all.unwrap_or_default() }
    }
}

#[utoipa::path(post, path = "/api/auth/logout", tag = "auth", operation_id = "auth.logout", security(("bearer" = [])),
    params(Logout),
    responses((status = 204, description = "Signed out.",
            headers(("set-cookie" = String, description = "Clears the access and refresh cookies."))),
        QueryRefusals, Failures,
        (status = 401, body = ErrorBody, description = "`not_authenticated` or `invalid_token`.")))]
pub(crate) async fn logout(
    who: Leaving,
    Query(Logout { all }): Query<Logout>,
    State(auth): State<Auth>,
) -> Result<Response> {
    store::end_sessions(auth.app().db(), who.actor(), who.session_id, all).await?;
    let mut response = StatusCode::NO_CONTENT.into_response();
    for cookie in auth.app().cookies().clear() {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    Ok(response)
}
