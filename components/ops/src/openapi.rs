//! The document is the one that `cargo xtask openapi` writes from the route tables of all components.

use axum::response::Response;
use frontdesk::access::Public;
use http::HeaderMap;

use crate::asset::{Asset, asset};

const DOCUMENT: Asset = asset!("openapi.json", "application/json");

/// Get this OpenAPI document
#[utoipa::path(get, path = "/api/openapi.json", tag = "ops", operation_id = "ops.openapi",
    params(("if-none-match" = Option<String>, Header, description = "The `etag` of an earlier response.")),
    responses((status = 200, body = Object, description = "This document.",
            headers(("etag" = String, description = "It changes whenever the document changes."))),
        (status = 304, description = "Nothing has changed.")))]
pub(crate) async fn openapi(_: Public, headers: HeaderMap) -> Response {
    DOCUMENT.answer(&headers)
}
