use axum::extract::State;
use frontdesk::access::Admin;
use frontdesk::apps::Key;
use frontdesk::openapi::{AdminRefusals, Failures, QueryRefusals};
use frontdesk::{App, ErrorBody, Json, Path, Result};

use crate::views::AppView;
use crate::{APP_NOT_FOUND, store};

/// Get an app
#[utoipa::path(get, path = "/api/admin/apps/{key}", tag = "apps", operation_id = "apps.show", security(("bearer" = [])),
    params(("key" = String, Path, description = "The key of the app.", example = "documents",
            pattern = "^[a-z][a-z0-9-]{0,62}$")),
    responses((status = 200, body = AppView, description = "The app."), AdminRefusals, QueryRefusals, Failures,
        (status = 404, body = ErrorBody, description = "`app_not_found`")))]
pub(crate) async fn show(_: Admin, Path(key): Path<Key>, State(app): State<App>) -> Result<Json<AppView>> {
    Ok(Json(store::find_app(app.db(), key).await?.ok_or(APP_NOT_FOUND)?.into()))
}
