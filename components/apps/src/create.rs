use axum::extract::State;
use frontdesk::access::Admin;
use frontdesk::db::OnConstraint as _;
use frontdesk::input::Check;
use frontdesk::openapi::{AdminRefusals, BodyRefusals, Failures};
use frontdesk::{App, Error, ErrorBody, Json, Result};
use http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::store::Access;
use crate::views::AppView;
use crate::{input, store};

/// The app to create.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CreateApp, example = json!({
    "key": "wiki", "name": "Wiki", "description": "What everybody should know", "default_access": "everyone"
}))]
pub(crate) struct Create {
    /// The key, which cannot be changed: a letter, then letters, digits and dashes, all in lower case.
    #[schema(pattern = "^[a-z][a-z0-9-]{0,62}$", example = "wiki")]
    key: String,
    /// The name that users see, in one line. It is trimmed.
    #[schema(min_length = 1, max_length = 100, example = "Wiki")]
    name: String,
    /// What the app is for, in one or more lines. Absent, `null` or blank: no description.
    #[schema(max_length = 2000)]
    description: Option<String>,
    /// Who may use the app without a grant. Absent or `null`: `granted`.
    default_access: Option<Access>,
    /// The key of the service whose health is shown with the app. Absent or `null`: none.
    #[schema(pattern = "^[a-z][a-z0-9-]{0,62}$")]
    service_key: Option<String>,
    /// The place of the app in lists, the lowest first. Absent or `null`: 0.
    #[schema(minimum = 0, maximum = 1_000_000)]
    position: Option<i32>,
}

/// Create an app
#[utoipa::path(post, path = "/api/admin/apps", tag = "apps", operation_id = "apps.create", security(("bearer" = [])),
    request_body = Create,
    responses((status = 201, body = AppView, description = "The new app."), AdminRefusals, BodyRefusals, Failures,
        (status = 409, body = ErrorBody, description = "`app_key_taken`")))]
pub(crate) async fn create(
    who: Admin,
    State(app): State<App>,
    Json(create): Json<Create>,
) -> Result<(StatusCode, Json<AppView>)> {
    let mut check = Check::default();
    let new = store::App {
        key: input::key(&mut check, "key", &create.key).unwrap_or_default(),
        name: input::name(&mut check, &create.name).unwrap_or_default(),
        description: create.description.and_then(|text| input::description(&mut check, &text)),
        default_access: create.default_access.unwrap_or(Access::Granted),
        service_key: create.service_key.and_then(|key| input::key(&mut check, "service_key", &key)),
        position: input::position(&mut check, create.position.unwrap_or_default()),
    };
    check.finish()?;
    let taken = Error::Conflict("app_key_taken", "There is an app with this key");
    let made = store::insert_app(app.db(), who.authority(), new).await.on_constraint("apps_pkey", taken)?;
    Ok((StatusCode::CREATED, Json(made.into())))
}
