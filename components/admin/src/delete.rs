use axum::extract::State;
use frontdesk::access::Admin;
use frontdesk::openapi::{AdminRefusals, Failures, QueryRefusals};
use frontdesk::{App, ErrorBody, Path, Result};
use http::StatusCode;
use uuid::Uuid;

use crate::{LAST_ADMIN, USER_NOT_FOUND, store};

/// Delete a user
///
/// The sessions, group memberships and grants of the user are deleted too. Audit entries and documents stay.
#[utoipa::path(delete, path = "/api/admin/users/{id}", tag = "admin", operation_id = "admin.delete",
    security(("bearer" = [])), params(("id" = Uuid, Path, description = "The id of the user.")),
    responses((status = 204, description = "The user is deleted."), AdminRefusals, QueryRefusals, Failures,
        (status = 404, body = ErrorBody, description = "`user_not_found`"),
        (status = 409, body = ErrorBody, description = "`last_admin`")))]
pub(crate) async fn delete(who: Admin, Path(id): Path<Uuid>, State(app): State<App>) -> Result<StatusCode> {
    match store::delete_user(app.db(), who.authority(), id).await? {
        None => Err(USER_NOT_FOUND),
        Some(true) => Err(LAST_ADMIN),
        Some(false) => Ok(StatusCode::NO_CONTENT),
    }
}
