use axum::extract::State;
use frontdesk::access::Admin;
use frontdesk::openapi::{AdminRefusals, Failures, QueryRefusals};
use frontdesk::{App, Error, ErrorBody, Path, Result};
use http::StatusCode;
use uuid::Uuid;

use crate::store;

/// Remove a user from a group
#[utoipa::path(delete, path = "/api/admin/groups/{id}/members/{user_id}", tag = "groups",
    operation_id = "groups.remove_member", security(("bearer" = [])),
    params(("id" = Uuid, Path, description = "The id of the group."),
        ("user_id" = Uuid, Path, description = "The id of the user.")),
    responses((status = 204, description = "The user is removed."), AdminRefusals, QueryRefusals, Failures,
        (status = 404, body = ErrorBody, description = "`membership_not_found`")))]
pub(crate) async fn remove_member(
    who: Admin,
    Path((group, user)): Path<(Uuid, Uuid)>,
    State(app): State<App>,
) -> Result<StatusCode> {
    if store::delete_member(app.db(), who.authority(), group, user).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Error::NotFound("membership_not_found", "They are not in this group"))
    }
}
