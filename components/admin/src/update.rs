use axum::extract::State;
use frontdesk::access::Admin;
use frontdesk::input::{Check, Lenient, Patch};
use frontdesk::openapi::{AdminRefusals, BodyRefusals, Failures};
use frontdesk::{App, ErrorBody, Json, Path, Result, Role, UserView};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{LAST_ADMIN, USER_NOT_FOUND, store};

/// The changes to a user.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = UpdateUser, example = json!({"role": "admin"}))]
pub(crate) struct Update {
    /// What the user may do.
    #[serde(default)]
    #[schema(value_type = Option<Role>, nullable = false)]
    role: Patch<Role>,
    /// `false` locks the user out at once and ends the sessions. `true` lets the user sign in again.
    #[serde(default)]
    #[schema(value_type = Option<bool>, nullable = false)]
    is_active: Patch<Lenient<bool>>,
}

/// Update a user
///
/// A change takes effect at once. `is_active: false` ends the sessions of the user. What an admin has issued, reset tokens and
/// one-time passwords, stops working when the admin becomes inactive or loses the role.
#[utoipa::path(patch, path = "/api/admin/users/{id}", tag = "admin", operation_id = "admin.update",
    security(("bearer" = [])), params(("id" = Uuid, Path, description = "The id of the user.")), request_body = Update,
    responses((status = 200, body = UserView, description = "The user, after the change."),
        AdminRefusals, BodyRefusals, Failures,
        (status = 404, body = ErrorBody, description = "`user_not_found`"),
        (status = 409, body = ErrorBody, description = "`last_admin`")))]
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
