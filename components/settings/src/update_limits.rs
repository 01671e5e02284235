use axum::extract::State;
use frontdesk::access::Admin;
use frontdesk::input::{Check, Lenient, Patch};
use frontdesk::openapi::{AdminRefusals, BodyRefusals, Failures};
use frontdesk::{App, Json, Result};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::store;
use crate::views::LimitsView;

/// What may be chosen, in MiB (API.md, section 1).
const RANGE: std::ops::RangeInclusive<i32> = 1..=500;

/// What the limits become.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = UpdateDocumentsLimits, example = json!({"max_pdf_mb": 50}))]
pub(crate) struct UpdateLimits {
    /// The largest upload, in MiB.
    #[serde(default)]
    #[schema(value_type = Option<i32>, nullable = false, minimum = 1, maximum = 500)]
    max_pdf_mb: Patch<Lenient<i32>>,
}

/// Update the limits for documents
///
/// A change takes effect at once.
#[utoipa::path(patch, path = "/api/settings/documents/limits", tag = "settings",
    operation_id = "settings.update_limits", security(("bearer" = [])), request_body = UpdateLimits,
    responses((status = 200, body = LimitsView, description = "The limits, after the change."),
        AdminRefusals, BodyRefusals, Failures))]
pub(crate) async fn update_limits(
    who: Admin,
    State(app): State<App>,
    Json(update): Json<UpdateLimits>,
) -> Result<Json<LimitsView>> {
    let mut check = Check::default();
    let max_pdf_mb = check.required("max_pdf_mb", update.max_pdf_mb).map(|Lenient(number)| number);
    if max_pdf_mb.is_some_and(|number| !RANGE.contains(&number)) {
        let message = format!("max_pdf_mb must be from {} to {}", RANGE.start(), RANGE.end());
        check.refuse("max_pdf_mb", "number_out_of_range", message);
    }
    check.finish()?;
    Ok(Json(store::update_documents(app.db(), who.authority(), max_pdf_mb).await?.into()))
}
