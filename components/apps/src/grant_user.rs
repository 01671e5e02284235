use axum::extract::State;
use frontdesk::access::Admin;
use frontdesk::apps::Key;
use frontdesk::openapi::{AdminRefusals, Failures, QueryRefusals};
use frontdesk::{App, ErrorBody, Path, Result};
use http::StatusCode;
use uuid::Uuid;

use crate::{APP_NOT_FOUND, USER_NOT_FOUND, store};

/// Grant an app to a user
///
/// The user may use the app at once. The request is idempotent.
#[utoipa::path(put, path = "/api/admin/apps/{key}/users/{user_id}", tag = "apps", operation_id = "apps.grant_user",
    security(("bearer" = [])),
    params(("key" = String, Path, description = "The key of the app.", example = "documents",
            pattern = "^[a-z][a-z0-9-]{0,62}$"),
        ("user_id" = Uuid, Path, description = "The id of the user.")),
    responses((status = 204, description = "The grant exists."),
        AdminRefusals, QueryRefusals, Failures,
        (status = 404, body = ErrorBody, description = "`app_not_found`\n`user_not_found`")))]
pub(crate) async fn grant_user(
    who: Admin,
    Path((key, user)): Path<(Key, Uuid)>,
    State(app): State<App>,
) -> Result<StatusCode> {
    let parts = store::insert_user_grant(app.db(), who.authority(), key, user).await?;
    match (parts.has_app, parts.has_grantee) {
        (false, _) => Err(APP_NOT_FOUND),
        (true, false) => Err(USER_NOT_FOUND),
        (true, true) => Ok(StatusCode::NO_CONTENT),
    }
}
