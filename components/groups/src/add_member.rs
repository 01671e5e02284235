//! Put somebody into a group.

use axum::extract::State;
use frontdesk::access::Admin;
use frontdesk::openapi::{AdminRefusals, Failures, QueryRefusals};
use frontdesk::{App, Error, ErrorBody, Json, Path, Result};
use http::StatusCode;
use uuid::Uuid;

use crate::views::MembershipView;
use crate::{GROUP_NOT_FOUND, store};

#[utoipa::path(post, path = "/api/admin/groups/{id}/members/{user_id}", tag = "groups",
    operation_id = "groups.add_member", security(("bearer" = [])),
    params(("id" = Uuid, Path, description = "The group."), ("user_id" = Uuid, Path, description = "Who is to be in it.")),
    responses((status = 201, body = MembershipView, description = "They are in it from now on."),
        (status = 200, body = MembershipView, description = "They were in it already."),
        AdminRefusals, QueryRefusals, Failures,
        (status = 404, body = ErrorBody, description = "`group_not_found` or `user_not_found`.")))]
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
