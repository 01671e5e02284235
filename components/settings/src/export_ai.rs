use axum::extract::State;
use axum::response::Response;
use frontdesk::access::Program;
use frontdesk::openapi::{Failures, ProgramRefusals};
use frontdesk::{Error, Problem, Result};
use http::HeaderMap;

use crate::secret::{AI_API_KEY, Failure};
use crate::state::Settings;
use crate::store;
use crate::views::{AiExport, Export};

/// Export the AI settings to a service
///
/// Services behind Frontdesk read their settings here. The API key is in clear text. With `if-none-match` the response is 304 if
/// nothing has changed.
#[utoipa::path(get, path = "/internal/settings/ai", tag = "settings", operation_id = "settings.export_ai",
    security(("service_token" = [])),
    params(("if-none-match" = Option<String>, Header, description = "The `etag` of an earlier response.")),
    responses((status = 200, body = AiExport, description = "The settings.",
            headers(("etag" = String, description = "It changes whenever the settings change."))),
        (status = 304, description = "Nothing has changed."),
        ProgramRefusals, Failures))]
pub(crate) async fn export_ai(_: Program, State(settings): State<Settings>, headers: HeaderMap) -> Result<Response> {
    let stored = store::find_ai_secret(settings.app().db()).await?;
    let open = |sealed| settings.keys().open(AI_API_KEY, sealed).map_err(refusal);
    let api_key = stored.api_key.as_ref().map(open).transpose()?;
    let ai = AiExport {
        provider: stored.provider,
        model: stored.model,
        base_url: stored.base_url,
        api_key,
        updated_at: stored.updated_at,
    };
    Export::new(&ai, settings.keys())?.answer(&headers)
}

fn refusal(failure: Failure) -> Error {
    match failure {
        Failure::UnknownKey => Error::NotConfigured(vec![Problem::new("settings_key", failure.to_string())]),
        Failure::Changed | Failure::NoRandomness => Error::internal(failure),
    }
}
