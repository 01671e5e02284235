//! Delete a group. Nobody is in it afterwards; the people stay.

use axum::extract::State;
use frontdesk::access::Admin;
use frontdesk::openapi::{AdminRefusals, Failures, QueryRefusals};
use frontdesk::{App, ErrorBody, Path, Result};
use http::StatusCode;
use uuid::Uuid;

use crate::{GROUP_NOT_FOUND, store};

#[utoipa::path(delete, path = "/api/admin/groups/{id}", tag = "groups", operation_id = "groups.delete",
    security(("bearer" = [])), params(("id" = Uuid, Path, description = "The group.")),
    responses((status = 204, description = "It is gone."), AdminRefusals, QueryRefusals, Failures,
        (status = 404, body = ErrorBody, description = "`group_not_found`.")))]
pub(crate) async fn delete(who: Admin, Path(id): Path<Uuid>, State(app): State<App>) -> Result<StatusCode> {
    if store::delete_group(app.db(), who.authority(), id).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(GROUP_NOT_FOUND)
    }
}
