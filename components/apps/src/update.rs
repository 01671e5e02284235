use axum::extract::State;
use frontdesk::access::Admin;
use frontdesk::apps::Key;
use frontdesk::input::{Check, Patch};
use frontdesk::openapi::{AdminRefusals, BodyRefusals, Failures};
use frontdesk::{App, ErrorBody, Json, Path, Result};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::store::{self, Access, Change};
use crate::views::AppView;
use crate::{APP_NOT_FOUND, input};

/// The changes to an app.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = UpdateApp, example = json!({"name": "Handbook", "default_access": "granted"}))]
pub(crate) struct Update {
    /// The name that users see, in one line. It is trimmed.
    #[serde(default)]
    #[schema(value_type = Option<String>, nullable = false, min_length = 1, max_length = 100)]
    name: Patch<String>,
    /// What the app is for, in one or more lines. `null` or blank clears it.
    #[serde(default)]
    #[schema(value_type = Option<String>, max_length = 2000)]
    description: Patch<String>,
    /// Who may use the app without a grant.
    #[serde(default)]
    #[schema(value_type = Option<Access>, nullable = false)]
    default_access: Patch<Access>,
    /// The key of the service whose health is shown with the app. `null`: none.
    #[serde(default)]
    #[schema(value_type = Option<String>, pattern = "^[a-z][a-z0-9-]{0,62}$")]
    service_key: Patch<String>,
    /// The place of the app in lists, the lowest first.
    #[serde(default)]
    #[schema(value_type = Option<i32>, nullable = false, minimum = 0, maximum = 1_000_000)]
    position: Patch<i32>,
}

/// Update an app
///
/// A change of `default_access` takes effect at once. The key cannot be changed.
#[utoipa::path(patch, path = "/api/admin/apps/{key}", tag = "apps", operation_id = "apps.update",
    security(("bearer" = [])), params(("key" = String, Path, description = "The key of the app.", example = "documents",
            pattern = "^[a-z][a-z0-9-]{0,62}$")),
    request_body = Update,
    responses((status = 200, body = AppView, description = "The app, after the change."), AdminRefusals, BodyRefusals, Failures,
        (status = 404, body = ErrorBody, description = "`app_not_found`")))]
pub(crate) async fn update(
    who: Admin,
    Path(key): Path<Key>,
    State(app): State<App>,
    Json(update): Json<Update>,
) -> Result<Json<AppView>> {
    let mut check = Check::default();
    let change = Change {
        name: check.required("name", update.name).and_then(|name| input::name(&mut check, &name)),
        description: match update.description {
            Patch::Keep => None,
            Patch::Clear => Some(None),
            Patch::Set(text) => Some(input::description(&mut check, &text)),
        },
        default_access: check.required("default_access", update.default_access),
        service_key: match update.service_key {
            Patch::Keep => None,
            Patch::Clear => Some(None),
            Patch::Set(key) => Some(input::key(&mut check, "service_key", &key)),
        },
        position: check.required("position", update.position).map(|position| input::position(&mut check, position)),
    };
    check.finish()?;
    Ok(Json(store::update_app(app.db(), who.authority(), key, change).await?.ok_or(APP_NOT_FOUND)?.into()))
}
