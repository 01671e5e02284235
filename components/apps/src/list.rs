//! The apps that the caller may use, for their app cards.

use frontdesk::Json;
use frontdesk::access::SignedInFor;
use frontdesk::openapi::{Failures, SignedInRefusals};

use crate::store::UsableApps;
use crate::views::UsableView;

#[utoipa::path(get, path = "/api/apps", tag = "apps", operation_id = "apps.list", security(("bearer" = [])),
    responses((status = 200, body = [UsableView], description = "By position."), SignedInRefusals, Failures))]
pub(crate) async fn list(apps: SignedInFor<UsableApps>) -> Json<Vec<UsableView>> {
    let UsableApps(apps) = apps.found;
    Json(apps.into_iter().map(UsableView::from).collect())
}
