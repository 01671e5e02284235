//! Who am I? The proof that the caller is signed in has read the answer already.

use frontdesk::access::AnySignedIn;
use frontdesk::openapi::{AnySignedInRefusals, Failures};
use frontdesk::{Json, UserView};

#[utoipa::path(get, path = "/api/users/me", tag = "users", operation_id = "users.me", security(("bearer" = [])),
    responses((status = 200, body = UserView, description = "Who is signed in."), AnySignedInRefusals, Failures))]
pub(crate) async fn me(who: AnySignedIn) -> Json<UserView> {
    Json(who.into_signed_in().into_user().into())
}
