//! The proof that the caller is signed in has read the answer already.

use frontdesk::access::AnySignedIn;
use frontdesk::openapi::{AnySignedInRefusals, Failures};
use frontdesk::{Json, UserView};

/// Get the signed-in user
///
/// This works for a user who must change the password first, too.
#[utoipa::path(get, path = "/api/users/me", tag = "users", operation_id = "users.me", security(("bearer" = [])),
    responses((status = 200, body = UserView, description = "The caller."), AnySignedInRefusals, Failures))]
pub(crate) async fn me(who: AnySignedIn) -> Json<UserView> {
    Json(who.into_signed_in().into_user().into())
}
