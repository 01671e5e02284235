//! The apps that the caller may use, for their app cards.

use axum::extract::State;
use frontdesk::access::SignedIn;
use frontdesk::openapi::{Failures, SignedInRefusals};
use frontdesk::{App, Json, Result};

use crate::store;
use crate::views::UsableView;

#[utoipa::path(get, path = "/api/apps", tag = "apps", operation_id = "apps.list", security(("bearer" = [])),
    responses((status = 200, body = [UsableView], description = "By position."), SignedInRefusals, Failures))]
pub(crate) async fn list(who: SignedIn, State(app): State<App>) -> Result<Json<Vec<UsableView>>> {
    let apps = store::list_usable(app.db(), who.user().id).await?;
    Ok(Json(apps.into_iter().map(UsableView::from).collect()))
}
