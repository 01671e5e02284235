use frontdesk::Json;
use frontdesk::access::SignedInFor;
use frontdesk::openapi::{Failures, SignedInRefusals};

use crate::store::Profile;
use crate::views::ProfileView;

/// Get your profile
///
/// Every user has a profile.
#[utoipa::path(get, path = "/api/profile", tag = "profile", operation_id = "profile.read", security(("bearer" = [])),
    responses((status = 200, body = ProfileView, description = "The profile of the caller."), SignedInRefusals, Failures))]
pub(crate) async fn read(profile: SignedInFor<Profile>) -> Json<ProfileView> {
    Json(profile.found.into())
}
