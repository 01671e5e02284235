//! What both services have in common.

use axum::response::Response;
use axum::routing::get;
use axum::{Json, Router, middleware};
use http::HeaderValue;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use serde_json::{Value, json};

use crate::Error;
use crate::body::read_on;

/// A service with these routes.
pub(crate) fn service(routes: Router) -> Router {
    routes
        .route("/health", get(health))
        .fallback(async || Error::NotFound)
        .method_not_allowed_fallback(async || Error::MethodNotAllowed)
        .layer(middleware::map_response(keep_out_of_caches))
        .layer(middleware::from_fn(read_on))
}

async fn health() -> Json<Value> {
    Json(json!({ "status": "ok" }))
}

async fn keep_out_of_caches(mut response: Response) -> Response {
    if response.headers().get(CONTENT_TYPE).is_some_and(|value| value == "application/json") {
        response.headers_mut().entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    }
    response
}
