//! One's own profile, which is there from registration on.

use axum::extract::State;
use frontdesk::access::{ACCOUNT_GONE, SignedIn};
use frontdesk::openapi::{Failures, SignedInRefusals};
use frontdesk::{App, Json, Result};

use crate::store;
use crate::views::ProfileView;

#[utoipa::path(get, path = "/api/profile", tag = "profile", operation_id = "profile.read", security(("bearer" = [])),
    responses((status = 200, body = ProfileView, description = "One's own profile."), SignedInRefusals, Failures))]
pub(crate) async fn read(who: SignedIn, State(app): State<App>) -> Result<Json<ProfileView>> {
    Ok(Json(store::find_profile(app.db(), who.user().id).await?.ok_or(ACCOUNT_GONE)?.into()))
}
