use axum::extract::State;
use frontdesk::access::Admin;
use frontdesk::db::OnConstraint as _;
use frontdesk::input::{Check, Patch};
use frontdesk::openapi::{AdminRefusals, BodyRefusals, Failures};
use frontdesk::{App, ErrorBody, Json, Path, Result};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::store::{self, Change};
use crate::views::GroupView;
use crate::{GROUP_NAME_TAKEN, GROUP_NOT_FOUND, input};

/// The changes to a group.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = UpdateGroup, example = json!({"name": "Finance"}))]
pub(crate) struct Update {
    /// The name, in one line. It is trimmed. It must be unique without regard to case.
    #[serde(default)]
    #[schema(value_type = Option<String>, nullable = false, min_length = 1, max_length = 100)]
    name: Patch<String>,
    /// What the group is for, in one or more lines. `null` or blank clears it.
    #[serde(default)]
    #[schema(value_type = Option<String>, max_length = 2000)]
    description: Patch<String>,
}

/// Update a group
#[utoipa::path(patch, path = "/api/admin/groups/{id}", tag = "groups", operation_id = "groups.update",
    security(("bearer" = [])), params(("id" = Uuid, Path, description = "The id of the group.")), request_body = Update,
    responses((status = 200, body = GroupView, description = "The group, after the change."),
        AdminRefusals, BodyRefusals, Failures,
        (status = 404, body = ErrorBody, description = "`group_not_found`"),
        (status = 409, body = ErrorBody, description = "`group_name_taken`")))]
pub(crate) async fn update(
    who: Admin,
    Path(id): Path<Uuid>,
    State(app): State<App>,
    Json(update): Json<Update>,
) -> Result<Json<GroupView>> {
    let mut check = Check::default();
    let name = check.required("name", update.name).and_then(|name| input::name(&mut check, &name));
    let description = match update.description {
        Patch::Keep => None,
        Patch::Clear => Some(None),
        Patch::Set(text) => Some(input::description(&mut check, &text)),
    };
    check.finish()?;
    let group = store::update_group(app.db(), who.authority(), id, Change { name, description })
        .await
        .on_constraint("groups_name_key", GROUP_NAME_TAKEN)?
        .ok_or(GROUP_NOT_FOUND)?;
    Ok(Json(group.into()))
}
