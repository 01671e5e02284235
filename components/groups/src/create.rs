use axum::extract::State;
use frontdesk::access::Admin;
use frontdesk::db::OnConstraint as _;
use frontdesk::input::Check;
use frontdesk::openapi::{AdminRefusals, BodyRefusals, Failures};
use frontdesk::{App, ErrorBody, Json, Result};
use http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::views::GroupView;
use crate::{GROUP_NAME_TAKEN, input, store};

/// The group to create.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = CreateGroup, example = json!({"name": "Accounting", "description": "Invoices and payroll"}))]
pub(crate) struct Create {
    /// The name, in one line. It is trimmed. It must be unique without regard to case.
    #[schema(min_length = 1, max_length = 100, example = "Accounting")]
    name: String,
    /// What the group is for, in one or more lines. Absent, `null` or blank: no description.
    #[schema(max_length = 2000)]
    description: Option<String>,
}

/// Create a group
#[utoipa::path(post, path = "/api/admin/groups", tag = "groups", operation_id = "groups.create",
    security(("bearer" = [])), request_body = Create,
    responses((status = 201, body = GroupView, description = "The new group."), AdminRefusals, BodyRefusals, Failures,
        (status = 409, body = ErrorBody, description = "`group_name_taken`")))]
pub(crate) async fn create(
    who: Admin,
    State(app): State<App>,
    Json(create): Json<Create>,
) -> Result<(StatusCode, Json<GroupView>)> {
    let mut check = Check::default();
    let name = input::name(&mut check, &create.name);
    let description = create.description.and_then(|text| input::description(&mut check, &text));
    check.finish()?;
    let group = store::insert_group(app.db(), who.authority(), name.unwrap_or_default(), description)
        .await
        .on_constraint("groups_name_key", GROUP_NAME_TAKEN)?;
    Ok((StatusCode::CREATED, Json(group.into())))
}
