//! What all components answer, for programs: the document that `cargo xtask openapi` writes from their route tables.

use axum::response::Response;
use frontdesk::access::Public;
use http::HeaderMap;

use crate::asset::{Asset, asset};

const DOCUMENT: Asset = asset!("openapi.json", "application/json");

#[utoipa::path(get, path = "/api/openapi.json", tag = "ops", operation_id = "ops.openapi",
    params(("if-none-match" = Option<String>, Header, description = "The `etag` of the answer before.")),
    responses((status = 200, body = Object, description = "This document.",
            headers(("etag" = String, description = "Changes with the document."))),
        (status = 304, description = "It is what it was.")))]
pub(crate) async fn openapi(_: Public, headers: HeaderMap) -> Response {
    DOCUMENT.answer(&headers)
}
