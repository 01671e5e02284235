//! The files of the page at `/api/docs`: a closed list, so that no path leads anywhere else.

use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::response::Response;
use frontdesk::access::Public;
use frontdesk::{Error, ErrorBody, Result};
use http::HeaderMap;

use crate::asset::{Asset, asset};

// A path that is no text names no file either.
#[utoipa::path(get, path = "/api/docs/{file}", tag = "ops", operation_id = "ops.docs_file",
    params(("file" = String, Path, description = "The name of a file that the page asks for."),
        ("if-none-match" = Option<String>, Header, description = "The `etag` of the answer before.")),
    responses((status = 200, description = "The file. Scripts and style sheets may be gzip whatever is asked for.",
            headers(("etag" = String, description = "Changes with the file."))),
        (status = 304, description = "It is what it was."),
        (status = 404, body = ErrorBody, description = "`not_found`.")))]
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
