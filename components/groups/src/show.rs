use axum::extract::State;
use frontdesk::access::Admin;
use frontdesk::openapi::{AdminRefusals, Failures, QueryRefusals};
use frontdesk::{App, ErrorBody, Json, Path, Result};
use uuid::Uuid;

use crate::views::GroupWithMembersView;
use crate::{GROUP_NOT_FOUND, store};

/// Get a group and its members
#[utoipa::path(get, path = "/api/admin/groups/{id}", tag = "groups", operation_id = "groups.show",
    security(("bearer" = [])), params(("id" = Uuid, Path, description = "The id of the group.")),
    responses((status = 200, body = GroupWithMembersView, description = "The group, with its members by e-mail address."),
        AdminRefusals, QueryRefusals, Failures, (status = 404, body = ErrorBody, description = "`group_not_found`")))]
pub(crate) async fn show(_: Admin, Path(id): Path<Uuid>, State(app): State<App>) -> Result<Json<GroupWithMembersView>> {
    let group = store::find_group(app.db(), id).await?.ok_or(GROUP_NOT_FOUND)?;
    let members = store::list_members(app.db(), id).await?;
    Ok(Json(GroupWithMembersView::new(group, members)))
}
