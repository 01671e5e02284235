//! Make an app.

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

/// An app to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CreateApp)]
pub(crate) struct Create {
    /// What it is called in the configuration, for good.
    #[schema(pattern = "^[a-z][a-z0-9-]{0,62}$", example = "wiki")]
    key: String,
    /// Trimmed.
    #[schema(min_length = 1, max_length = 100, example = "Wiki")]
    name: String,
    /// Blank is the same as absent.
    #[schema(max_length = 2000)]
    description: Option<String>,
    /// Who may use it without a grant; `granted` unless said otherwise.
    default_access: Option<Access>,
    /// The service whose health is shown with it.
    #[schema(pattern = "^[a-z][a-z0-9-]{0,62}$")]
    service_key: Option<String>,
    /// Apps are shown in the order of their positions; 0 unless said otherwise.
    #[schema(minimum = 0, maximum = 1_000_000)]
    position: Option<i32>,
}

#[utoipa::path(post, path = "/api/admin/apps", tag = "apps", operation_id = "apps.create", security(("bearer" = [])),
    request_body = Create,
    responses((status = 201, body = AppView, description = "The app."), AdminRefusals, BodyRefusals, Failures,
        (status = 409, body = ErrorBody, description = "`app_key_taken`.")))]
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
