use frontdesk::Json;
use frontdesk::access::SignedInFor;
use frontdesk::openapi::{Failures, SignedInRefusals};

use crate::store::Documents;
use crate::views::LimitsView;

/// Get the limits for documents
#[utoipa::path(get, path = "/api/settings/documents/limits", tag = "settings", operation_id = "settings.read_limits",
    security(("bearer" = [])),
    responses((status = 200, body = LimitsView, description = "The limits."), SignedInRefusals, Failures))]
pub(crate) async fn read_limits(documents: SignedInFor<Documents>) -> Json<LimitsView> {
    Json(documents.found.into())
}
