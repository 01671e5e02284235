use axum::extract::State;
use axum::response::IntoResponse;
use frontdesk::access::Public;
use frontdesk::{ErrorBody, Json};
use http::header::CACHE_CONTROL;

use crate::state::Auth;
use crate::views::JwksView;

/// Get the public keys of access tokens
///
/// Services can verify access tokens with these keys. The response may be cached for 600 seconds.
#[utoipa::path(get, path = "/.well-known/jwks.json", tag = "auth", operation_id = "auth.jwks",
    responses((status = 200, body = JwksView, description = "The keys.",
            headers(("cache-control" = String, description = "Always `public, max-age=600`."))),
        (status = 503, body = ErrorBody, description = "`not_configured`")))]
pub(crate) async fn jwks(_: Public, State(auth): State<Auth>) -> impl IntoResponse {
    let keys = auth.app().verifier().keys().jwks();
    ([(CACHE_CONTROL, "public, max-age=600")], Json(JwksView { keys }))
}
