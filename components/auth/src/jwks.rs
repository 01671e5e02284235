//! The public keys, for services that verify access tokens themselves.

use axum::extract::State;
use axum::response::IntoResponse;
use frontdesk::Json;
use frontdesk::access::Public;
use frontdesk::openapi::Failures;
use http::header::CACHE_CONTROL;

use crate::state::Auth;
use crate::views::JwksView;

#[utoipa::path(get, path = "/.well-known/jwks.json", tag = "auth", operation_id = "auth.jwks",
    responses((status = 200, body = JwksView, description = "The keys.", headers(("cache-control" = String, description = "`public, max-age=600`"))), Failures))]
pub(crate) async fn jwks(_: Public, State(auth): State<Auth>) -> impl IntoResponse {
    let keys = auth.app().verifier().keys().jwks();
    ([(CACHE_CONTROL, "public, max-age=600")], Json(JwksView { keys }))
}
