//! How large a document may be, which everybody may know who uploads some.

use axum::extract::State;
use frontdesk::access::SignedIn;
use frontdesk::openapi::{Failures, SignedInRefusals};
use frontdesk::{App, Json, Result};

use crate::store;
use crate::views::LimitsView;

#[utoipa::path(get, path = "/api/settings/documents/limits", tag = "settings", operation_id = "settings.read_limits",
    security(("bearer" = [])),
    responses((status = 200, body = LimitsView, description = "The limits."), SignedInRefusals, Failures))]
pub(crate) async fn read_limits(_: SignedIn, State(app): State<App>) -> Result<Json<LimitsView>> {
    Ok(Json(store::find_documents(app.db()).await?.into()))
}
