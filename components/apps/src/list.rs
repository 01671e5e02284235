use frontdesk::Json;
use frontdesk::access::SignedInFor;
use frontdesk::openapi::{Failures, SignedInRefusals};

use crate::store::UsableApps;
use crate::views::UsableView;

/// List the apps that you may use
///
/// An admin may use every app. The list is for the app cards of a user interface.
#[utoipa::path(get, path = "/api/apps", tag = "apps", operation_id = "apps.list", security(("bearer" = [])),
    responses((status = 200, body = [UsableView], description = "The apps, by position."), SignedInRefusals, Failures))]
pub(crate) async fn list(apps: SignedInFor<UsableApps>) -> Json<Vec<UsableView>> {
    let UsableApps(apps) = apps.found;
    Json(apps.into_iter().map(UsableView::from).collect())
}
