//! Who am I? The proof that the caller is signed in has read the answer already.

use frontdesk::access::SignedIn;
use frontdesk::openapi::{Failures, SignedInRefusals};
use frontdesk::{Json, UserView};

#[utoipa::path(get, path = "/api/users/me", tag = "users", operation_id = "users.me", security(("bearer" = [])),
    responses((status = 200, body = UserView, description = "Who is signed in."), SignedInRefusals, Failures))]
pub(crate) async fn me(who: SignedIn) -> Json<UserView> {
    Json(who.into_user().into())
}
