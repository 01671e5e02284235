//! A closed list of files, so that no path leads anywhere else.

use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::response::Response;
use frontdesk::access::Public;
use frontdesk::{Error, ErrorBody, Result};
use http::HeaderMap;

use crate::asset::{Asset, asset};

// A path that is no text names no file either.
/// Get a file of the documentation page
#[utoipa::path(get, path = "/api/docs/{file}", tag = "ops", operation_id = "ops.docs_file",
    params(("file" = String, Path, description = "The name of the file.", example = "start.js"),
        ("if-none-match" = Option<String>, Header, description = "The `etag` of an earlier response.")),
    responses((status = 200, description = "The file. Scripts and style sheets may be compressed with gzip, whatever \
            `accept-encoding` says.",
            headers(("etag" = String, description = "It changes whenever the file changes."))),
        (status = 304, description = "Nothing has changed."),
        (status = 404, body = ErrorBody, description = "`not_found`: the page has no file of this name.")))]
pub(crate) async fn docs_file(
    _: Public,
    file: std::result::Result<Path<String>, PathRejection>,
    headers: HeaderMap,
) -> Result<Response> {
    let Path(name) = file.map_err(|_| Error::RouteNotFound)?;
    let file = find(&name).ok_or(Error::RouteNotFound)?;
    Ok(file.answer(&headers))
}

fn find(name: &str) -> Option<Asset> {
    Some(match name {
        "LICENSE" => asset!("LICENSE", "text/plain; charset=utf-8"),
        "NOTICE" => asset!("NOTICE", "text/plain; charset=utf-8"),
        "favicon-32x32.png" => asset!("favicon-32x32.png", "image/png"),
        "index.css" => asset!("index.css", "text/css; charset=utf-8"),
        "start.js" => asset!("start.js", "text/javascript; charset=utf-8"),
        "swagger-ui-bundle.js" => asset!(gzip "swagger-ui-bundle.js", "text/javascript; charset=utf-8"),
        "swagger-ui-bundle.js.LICENSE.txt" => asset!("swagger-ui-bundle.js.LICENSE.txt", "text/plain; charset=utf-8"),
        "swagger-ui.css" => asset!(gzip "swagger-ui.css", "text/css; charset=utf-8"),
        _ => return None,
    })
}
