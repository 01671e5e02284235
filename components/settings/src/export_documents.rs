use axum::extract::State;
use axum::response::Response;
use frontdesk::Result;
use frontdesk::access::Program;
use frontdesk::openapi::{Failures, ProgramRefusals};
use http::HeaderMap;

use crate::state::Settings;
use crate::store;
use crate::views::{DocumentsExport, Export};

/// Export the document settings to a service
///
/// The documents service reads its settings here. With `if-none-match` the response is 304 if nothing has changed.
#[utoipa::path(get, path = "/internal/settings/documents", tag = "settings",
    operation_id = "settings.export_documents", security(("service_token" = [])),
    params(("if-none-match" = Option<String>, Header, description = "The `etag` of an earlier response.")),
    responses((status = 200, body = DocumentsExport, description = "The settings.",
            headers(("etag" = String, description = "It changes whenever the settings change."))),
        (status = 304, description = "Nothing has changed."),
        ProgramRefusals, Failures))]
pub(crate) async fn export_documents(
    _: Program,
    State(settings): State<Settings>,
    headers: HeaderMap,
) -> Result<Response> {
    let documents = DocumentsExport::from(store::find_documents(settings.app().db()).await?);
    Export::new(&documents, settings.keys())?.answer(&headers)
}
