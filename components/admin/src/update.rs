//! Change what somebody may do, or whether they may sign in. There is always an active administrator left.

use axum::extract::State;
use frontdesk::access::Admin;
use frontdesk::input::{Check, Lenient, Patch};
use frontdesk::openapi::{AdminRefusals, BodyRefusals, Failures};
use frontdesk::{App, ErrorBody, Json, Path, Result, Role, UserView};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{LAST_ADMIN, USER_NOT_FOUND, store};

/// What becomes of somebody.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = UpdateUser)]
pub(crate) struct Update {
    /// What the account may do, at once.
    #[serde(default)]
    #[schema(value_type = Option<Role>, nullable = false)]
    role: Patch<Role>,
    /// False locks the account out at once and ends its sessions.
    #[serde(default)]
    #[schema(value_type = Option<bool>, nullable = false)]
    is_active: Patch<Lenient<bool>>,
}

#[utoipa::path(patch, path = "/api/admin/users/{id}", tag = "admin", operation_id = "admin.update",
    security(("bearer" = [])), params(("id" = Uuid, Path, description = "Who.")), request_body = Update,
    responses((status = 200, body = UserView, description = "Who it is, after the change."),
        AdminRefusals, BodyRefusals, Failures,
        (status = 404, body = ErrorBody, description = "`user_not_found`."),
        (status = 409, body = ErrorBody, description = "`last_admin`: no active administrator would be left.")))]
pub(crate) async fn update(
    who: Admin,
    Path(id): Path<Uuid>,
    State(app): State<App>,
    Json(update): Json<Update>,
) -> Result<Json<UserView>> {
    let mut check = Check::default();
    let role = check.required("role", update.role);
    let is_active = check.required("is_active", update.is_active).map(|Lenient(is_active)| is_active);
    check.finish()?;
    let attempt = store::update_user(app.db(), who.authority(), id, role, is_active).await?.ok_or(USER_NOT_FOUND)?;
    if attempt.is_refused {
        return Err(LAST_ADMIN);
    }
    Ok(Json(attempt.user.into()))
}
