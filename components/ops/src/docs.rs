use axum::response::{IntoResponse as _, Response};
use frontdesk::access::Public;
use http::HeaderMap;
use http::header::CONTENT_SECURITY_POLICY;

use crate::asset::{Asset, asset};

const PAGE: Asset = asset!("index.html", "text/html; charset=utf-8");

/// The page is given passwords and tokens: it runs and reaches nothing but what is served here. The viewer sets styles on its
/// elements, and its style sheet has its pictures inside.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
    connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Get the page of the API documentation
///
/// The page shows the OpenAPI document and can send requests. It loads nothing from other hosts.
#[utoipa::path(get, path = "/api/docs", tag = "ops", operation_id = "ops.docs",
    params(("if-none-match" = Option<String>, Header, description = "The `etag` of an earlier response.")),
    responses((status = 200, body = String, content_type = "text/html", description = "The page.",
            headers(("etag" = String, description = "It changes whenever the page changes."))),
        (status = 304, description = "Nothing has changed.")))]
pub(crate) async fn docs(_: Public, headers: HeaderMap) -> Response {
    ([(CONTENT_SECURITY_POLICY, POLICY)], PAGE.answer(&headers)).into_response()
}
