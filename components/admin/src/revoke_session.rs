use axum::extract::State;
use frontdesk::access::Admin;
use frontdesk::openapi::{AdminRefusals, Failures, QueryRefusals};
use frontdesk::{App, Error, ErrorBody, Path, Result};
use http::StatusCode;
use uuid::Uuid;

use crate::store;

/// End one session of a user
///
/// Its tokens stop working at once.
#[utoipa::path(delete, path = "/api/admin/users/{id}/sessions/{session_id}", tag = "admin",
    operation_id = "admin.revoke_session", security(("bearer" = [])),
    params(("id" = Uuid, Path, description = "The id of the user."),
        ("session_id" = Uuid, Path, description = "The id of the session.")),
    responses((status = 204, description = "The session has ended."), AdminRefusals, QueryRefusals, Failures,
        (status = 404, body = ErrorBody, description = "`session_not_found`: the user has no live session with this id, or \
            does not exist.")))]
pub(crate) async fn revoke_session(
    who: Admin,
    Path((id, session_id)): Path<(Uuid, Uuid)>,
    State(app): State<App>,
) -> Result<StatusCode> {
    if store::end_session(app.db(), who.authority(), id, session_id).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Error::NotFound("session_not_found", "They have no such session"))
    }
}
