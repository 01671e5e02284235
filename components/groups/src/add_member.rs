use axum::extract::State;
use frontdesk::access::Admin;
use frontdesk::openapi::{AdminRefusals, Failures, QueryRefusals};
use frontdesk::{App, Error, ErrorBody, Json, Path, Result};
use http::StatusCode;
use uuid::Uuid;

use crate::views::MembershipView;
use crate::{GROUP_NOT_FOUND, store};

/// Add a user to a group
///
/// The request is idempotent: if the user is in the group already, nothing changes and the status is 200.
#[utoipa::path(post, path = "/api/admin/groups/{id}/members/{user_id}", tag = "groups",
    operation_id = "groups.add_member", security(("bearer" = [])),
    params(("id" = Uuid, Path, description = "The id of the group."),
        ("user_id" = Uuid, Path, description = "The id of the user.")),
    responses((status = 201, body = MembershipView, description = "The user was added."),
        (status = 200, body = MembershipView, description = "The user was in the group already."),
        AdminRefusals, QueryRefusals, Failures,
        (status = 404, body = ErrorBody, description = "`group_not_found`\n`user_not_found`")))]
pub(crate) async fn add_member(
    who: Admin,
    Path((group, user)): Path<(Uuid, Uuid)>,
    State(app): State<App>,
) -> Result<(StatusCode, Json<MembershipView>)> {
    let attempt = store::insert_member(app.db(), who.authority(), group, user).await?;
    match attempt.membership {
        _ if !attempt.has_group => Err(GROUP_NOT_FOUND),
        _ if !attempt.has_user => Err(Error::NotFound("user_not_found", "There is no such user")),
        None => Err(Error::internal("a membership was neither made nor found")),
        Some(membership) => {
            let status = if membership.is_new { StatusCode::CREATED } else { StatusCode::OK };
            Ok((status, Json(membership.into())))
        }
    }
}
