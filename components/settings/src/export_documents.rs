//! The settings of the documents service, for that service.

use axum::extract::State;
use axum::response::Response;
use frontdesk::access::Program;
use frontdesk::openapi::Failures;
use frontdesk::{ErrorBody, Result};
use http::HeaderMap;

use crate::state::Settings;
use crate::store;
use crate::views::{DocumentsExport, Export};

#[utoipa::path(get, path = "/internal/settings/documents", tag = "settings",
    operation_id = "settings.export_documents", security(("service_token" = [])),
    params(("if-none-match" = Option<String>, Header, description = "The `etag` of the answer before.")),
    responses((status = 200, body = DocumentsExport, description = "The settings.",
            headers(("etag" = String, description = "Changes with the settings."))),
        (status = 304, description = "They are what they were."),
        (status = 401, body = ErrorBody, description = "`not_authenticated` or `invalid_token`."), Failures))]
pub(crate) async fn export_documents(
    _: Program,
    State(settings): State<Settings>,
    headers: HeaderMap,
) -> Result<Response> {
    let documents = DocumentsExport::from(store::find_documents(settings.app().db()).await?);
    Export::new(&documents, settings.keys())?.answer(&headers)
}
