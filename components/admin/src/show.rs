use axum::extract::State;
use frontdesk::access::Admin;
use frontdesk::openapi::{AdminRefusals, Failures, QueryRefusals};
use frontdesk::{App, ErrorBody, Json, Path, Result, UserView};
use uuid::Uuid;

use crate::{USER_NOT_FOUND, store};

/// Get a user
#[utoipa::path(get, path = "/api/admin/users/{id}", tag = "admin", operation_id = "admin.show", security(("bearer" = [])),
    params(("id" = Uuid, Path, description = "The id of the user.")),
    responses((status = 200, body = UserView, description = "The user."), AdminRefusals, QueryRefusals, Failures,
        (status = 404, body = ErrorBody, description = "`user_not_found`")))]
pub(crate) async fn show(_: Admin, Path(id): Path<Uuid>, State(app): State<App>) -> Result<Json<UserView>> {
    Ok(Json(store::find_user(app.db(), id).await?.ok_or(USER_NOT_FOUND)?.into()))
}
