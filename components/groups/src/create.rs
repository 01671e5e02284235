//! Make a group.

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

/// A group to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = CreateGroup)]
pub(crate) struct Create {
    /// Trimmed; unique without case.
    #[schema(min_length = 1, max_length = 100, example = "Accounting")]
    name: String,
    /// Blank is the same as absent.
    #[schema(max_length = 2000)]
    description: Option<String>,
}

#[utoipa::path(post, path = "/api/admin/groups", tag = "groups", operation_id = "groups.create",
    security(("bearer" = [])), request_body = Create,
    responses((status = 201, body = GroupView, description = "The group."), AdminRefusals, BodyRefusals, Failures,
        (status = 409, body = ErrorBody, description = "`group_name_taken`.")))]
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
