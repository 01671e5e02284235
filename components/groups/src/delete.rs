use axum::extract::State;
use frontdesk::access::Admin;
use frontdesk::openapi::{AdminRefusals, Failures, QueryRefusals};
use frontdesk::{App, ErrorBody, Path, Result};
use http::StatusCode;
use uuid::Uuid;

use crate::{GROUP_NOT_FOUND, store};

/// Delete a group
///
/// Its memberships and its grants are deleted too. The users stay.
#[utoipa::path(delete, path = "/api/admin/groups/{id}", tag = "groups", operation_id = "groups.delete",
    security(("bearer" = [])), params(("id" = Uuid, Path, description = "The id of the group.")),
    responses((status = 204, description = "The group is deleted."), AdminRefusals, QueryRefusals, Failures,
        (status = 404, body = ErrorBody, description = "`group_not_found`")))]
pub(crate) async fn delete(who: Admin, Path(id): Path<Uuid>, State(app): State<App>) -> Result<StatusCode> {
    if store::delete_group(app.db(), who.authority(), id).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(GROUP_NOT_FOUND)
    }
}
