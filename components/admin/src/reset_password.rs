use axum::extract::State;
use frontdesk::access::Admin;
use frontdesk::openapi::{AdminRefusals, Failures, QueryRefusals};
use frontdesk::{App, Error, ErrorBody, Json, Path, ResetToken, Result};
use http::StatusCode;
use uuid::Uuid;

use crate::views::ResetTokenView;
use crate::{USER_NOT_FOUND, store};

/// Issue a password reset token
///
/// For a user who cannot receive mail. `POST /api/auth/password/reset` takes the token, once, within 30 minutes. Until then the
/// password stays. Earlier reset tokens of the user stop working.
#[utoipa::path(post, path = "/api/admin/users/{id}/password-reset", tag = "admin", operation_id = "admin.reset_password",
    security(("bearer" = [])), params(("id" = Uuid, Path, description = "The id of the user.")),
    responses((status = 201, body = ResetTokenView, description = "The token. It is returned only once."),
        AdminRefusals, QueryRefusals, Failures,
        (status = 404, body = ErrorBody, description = "`user_not_found`"),
        (status = 409, body = ErrorBody, description = "`user_inactive`")))]
pub(crate) async fn reset_password(
    who: Admin,
    Path(id): Path<Uuid>,
    State(app): State<App>,
) -> Result<(StatusCode, Json<ResetTokenView>)> {
    let token = ResetToken::new()?;
    let expires_at = store::insert_reset(app.db(), who.authority(), id, &token).await?.ok_or(USER_NOT_FOUND)?;
    let inactive = Error::Conflict("user_inactive", "This account is locked: nobody can sign in to it");
    let expires_at = expires_at.ok_or(inactive)?;
    Ok((StatusCode::CREATED, Json(ResetTokenView::new(&token, expires_at))))
}
