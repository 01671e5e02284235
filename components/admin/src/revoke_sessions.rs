use axum::extract::State;
use frontdesk::access::Admin;
use frontdesk::openapi::{AdminRefusals, Failures, QueryRefusals};
use frontdesk::{App, ErrorBody, Path, Result};
use http::StatusCode;
use uuid::Uuid;

use crate::{USER_NOT_FOUND, store};

/// End all sessions of a user
///
/// Their tokens stop working at once. So do reset tokens and one-time passwords that the user issued as an admin. The response is
/// the same if the user has no session.
#[utoipa::path(delete, path = "/api/admin/users/{id}/sessions", tag = "admin", operation_id = "admin.revoke_sessions",
    security(("bearer" = [])), params(("id" = Uuid, Path, description = "The id of the user.")),
    responses((status = 204, description = "The sessions have ended."), AdminRefusals, QueryRefusals, Failures,
        (status = 404, body = ErrorBody, description = "`user_not_found`")))]
pub(crate) async fn revoke_sessions(who: Admin, Path(id): Path<Uuid>, State(app): State<App>) -> Result<StatusCode> {
    if store::end_sessions(app.db(), who.authority(), id).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(USER_NOT_FOUND)
    }
}
