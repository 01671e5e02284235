use axum::extract::State;
use frontdesk::access::Admin;
use frontdesk::openapi::{AdminRefusals, Failures};
use frontdesk::{App, Json, Result};

use crate::store;
use crate::views::AiSettingsView;

/// Get the AI settings
///
/// The API key is never returned, only whether there is one.
#[utoipa::path(get, path = "/api/settings/ai", tag = "settings", operation_id = "settings.read_ai",
    security(("bearer" = [])),
    responses((status = 200, body = AiSettingsView, description = "The settings."), AdminRefusals, Failures))]
pub(crate) async fn read_ai(_: Admin, State(app): State<App>) -> Result<Json<AiSettingsView>> {
    Ok(Json(store::find_ai(app.db()).await?.into()))
}
