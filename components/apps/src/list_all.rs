use axum::extract::State;
use frontdesk::access::Admin;
use frontdesk::openapi::{AdminRefusals, Failures};
use frontdesk::{App, Json, Result};

use crate::store;
use crate::views::AppView;

/// List all apps
#[utoipa::path(get, path = "/api/admin/apps", tag = "apps", operation_id = "apps.list_all", security(("bearer" = [])),
    responses((status = 200, body = [AppView], description = "All apps, by position."), AdminRefusals, Failures))]
pub(crate) async fn list_all(_: Admin, State(app): State<App>) -> Result<Json<Vec<AppView>>> {
    Ok(Json(store::list_apps(app.db()).await?.into_iter().map(AppView::from).collect()))
}
