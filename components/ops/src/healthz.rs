//! Touches nothing, so that a database that is away does not get the process restarted.

use frontdesk::Json;
use frontdesk::access::Public;

use crate::views::StatusView;

/// Check that the process is alive
///
/// The check does not use the database.
#[utoipa::path(get, path = "/healthz", tag = "ops", operation_id = "ops.healthz",
    responses((status = 200, body = StatusView, description = "The process is alive.")))]
pub(crate) async fn healthz(_: Public) -> Json<StatusView> {
    Json(StatusView::OK)
}
