use axum::extract::State;
use frontdesk::access::Admin;
use frontdesk::apps::Key;
use frontdesk::openapi::{AdminRefusals, Failures, QueryRefusals};
use frontdesk::{App, ErrorBody, Path, Result};
use http::StatusCode;

use crate::{APP_NOT_FOUND, store};

/// Delete an app
///
/// Its grants are deleted too.
#[utoipa::path(delete, path = "/api/admin/apps/{key}", tag = "apps", operation_id = "apps.delete",
    security(("bearer" = [])), params(("key" = String, Path, description = "The key of the app.", example = "documents",
            pattern = "^[a-z][a-z0-9-]{0,62}$")),
    responses((status = 204, description = "The app is deleted."), AdminRefusals, QueryRefusals, Failures,
        (status = 404, body = ErrorBody, description = "`app_not_found`")))]
pub(crate) async fn delete(who: Admin, Path(key): Path<Key>, State(app): State<App>) -> Result<StatusCode> {
    if store::delete_app(app.db(), who.authority(), key).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(APP_NOT_FOUND)
    }
}
