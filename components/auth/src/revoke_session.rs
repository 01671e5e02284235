//! End one of one's own sessions, from another device say.

use axum::extract::State;
use frontdesk::access::SignedIn;
use frontdesk::openapi::{Failures, QueryRefusals, SignedInRefusals};
use frontdesk::{App, Error, ErrorBody, Path, Result};
use http::StatusCode;
use uuid::Uuid;

use crate::store;

#[utoipa::path(delete, path = "/api/auth/sessions/{id}", tag = "auth", operation_id = "auth.revoke_session",
    security(("bearer" = [])), params(("id" = Uuid, Path, description = "Which session.")),
    responses((status = 204, description = "It has ended."), SignedInRefusals, QueryRefusals, Failures,
        (status = 404, body = ErrorBody, description = "`session_not_found`.")))]
pub(crate) async fn revoke_session(who: SignedIn, Path(id): Path<Uuid>, State(app): State<App>) -> Result<StatusCode> {
    if store::end_session(app.db(), who.authority(), id).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Error::NotFound("session_not_found", "You have no such session"))
    }
}
