//! JSON out, for people and for the services behind.

use std::time::Duration;

use axum::response::{IntoResponse as _, Response};
use frontdesk::db::Column;
use frontdesk::{Error, Result, etag};
use http::header::{CONTENT_TYPE, ETAG};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::chat::Failure;
use crate::secret::Keys;
use crate::store::{Ai, Documents};

/// The provider whose API is used:
///
/// - `openai`: OpenAI.
/// - `anthropic`: Anthropic.
/// - `ollama`: a model on a machine of the company.
/// - `custom`: whatever is at `base_url`.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = AiProvider)]
pub enum Provider {
    /// OpenAI.
    #[serde(rename = "openai")]
    OpenAi,
    /// Anthropic.
    Anthropic,
    /// A model on a machine of the company's own.
    Ollama,
    /// Whatever answers at `base_url`.
    Custom,
}

impl Provider {
    /// As it is stored and told.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::OpenAi => "openai",
            Self::Anthropic => "anthropic",
            Self::Ollama => "ollama",
            Self::Custom => "custom",
        }
    }

    /// By the name under which it is stored.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::OpenAi, Self::Anthropic, Self::Ollama, Self::Custom].into_iter().find(|provider| provider.name() == name)
    }
}

// Serde's own for an enum would take `{"openai": null}` too.
impl<'de> Deserialize<'de> for Provider {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| D::Error::unknown_variant(&text, &["openai", "anthropic", "ollama", "custom"]))
    }
}

impl Column for Provider {
    const EXPECTED: &'static str = "a provider";

    fn from_text(text: &str) -> Option<Self> {
        Self::parse(text)
    }
}

/// The AI settings, without the API key.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AiSettings)]
pub(crate) struct AiSettingsView {
    /// The provider whose API is used.
    provider: Provider,
    /// The model, as the provider names it. `null`: the default of the AI service.
    model: Option<String>,
    /// The address of the provider. `null`: its usual address.
    base_url: Option<String>,
    /// Whether there is an API key.
    api_key_set: bool,
    /// The last characters of the API key. `null`: there is no key.
    #[schema(example = "…abcd")]
    api_key_hint: Option<String>,
    /// When the settings were last changed.
    #[schema(format = DateTime)]
    updated_at: String,
    /// The id of the admin who last changed the settings. `null`: unknown.
    updated_by: Option<Uuid>,
}

impl From<Ai> for AiSettingsView {
    fn from(ai: Ai) -> Self {
        let Ai { provider, model, base_url, api_key_set, api_key_hint, updated_at, updated_by } = ai;
        let api_key_hint = api_key_hint.map(|end| format!("…{end}"));
        Self { provider, model, base_url, api_key_set, api_key_hint, updated_at, updated_by }
    }
}

/// The result of a test of the AI service.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AiTest)]
pub(crate) struct AiTestView {
    /// Whether the service gave a response that makes sense.
    ok: bool,
    /// The duration of the request, in milliseconds.
    latency_ms: u64,
    /// The provider that was asked for.
    provider: Provider,
    /// The model that was asked for. `null`: the default of the AI service.
    model: Option<String>,
    /// Why the test failed, for people. Absent if it succeeded.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    error: Option<String>,
}

impl AiTestView {
    pub(crate) fn new(ai: Ai, latency: Duration, failure: Option<Failure>) -> Self {
        Self {
            ok: failure.is_none(),
            latency_ms: u64::try_from(latency.as_millis()).unwrap_or(u64::MAX),
            provider: ai.provider,
            model: ai.model,
            error: failure.map(|failure| failure.to_string()),
        }
    }
}

/// The limits for documents.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DocumentsLimits)]
pub(crate) struct LimitsView {
    /// The largest upload, in MiB.
    #[schema(minimum = 1, maximum = 500, example = 25)]
    max_pdf_mb: i32,
}

impl From<Documents> for LimitsView {
    fn from(documents: Documents) -> Self {
        Self { max_pdf_mb: documents.max_pdf_mb }
    }
}

// Without `Debug`, so that the key cannot be printed in passing.
/// The AI settings, with the API key.
#[derive(Serialize, ToSchema)]
#[schema(as = AiExport)]
pub struct AiExport {
    /// The provider whose API is used.
    pub provider: Provider,
    /// The model, as the provider names it. `null`: the default of the AI service.
    pub model: Option<String>,
    /// The address of the provider. `null`: its usual address.
    pub base_url: Option<String>,
    /// The API key, in clear text. `null`: there is no key.
    pub api_key: Option<String>,
    /// When the settings were last changed.
    #[schema(format = DateTime)]
    pub updated_at: String,
}

/// The settings of the documents service.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DocumentsExport)]
pub struct DocumentsExport {
    /// The largest upload, in MiB.
    pub max_pdf_mb: i32,
    /// When the settings were last changed.
    #[schema(format = DateTime)]
    pub updated_at: String,
}

impl From<Documents> for DocumentsExport {
    fn from(documents: Documents) -> Self {
        let Documents { max_pdf_mb, updated_at } = documents;
        Self { max_pdf_mb, updated_at }
    }
}

/// Settings as JSON, and the tag by which a service sees that they are what they were.
pub(crate) struct Export {
    body: Vec<u8>,
    etag: String,
}

impl Export {
    pub(crate) fn new(settings: &impl Serialize, keys: &Keys) -> Result<Self> {
        let body = serde_json::to_vec(settings).map_err(Error::internal)?;
        let etag = format!("\"{}\"", keys.tag(&body));
        Ok(Self { body, etag })
    }

    /// The settings, or 304 for who has them.
    pub(crate) fn answer(self, asked: &HeaderMap) -> Result<Response> {
        let etag = HeaderValue::from_str(&self.etag).map_err(Error::internal)?;
        if etag::is_known(asked, &self.etag) {
            return Ok((StatusCode::NOT_MODIFIED, [(ETAG, etag)]).into_response());
        }
        let json = HeaderValue::from_static("application/json");
        Ok(([(ETAG, etag), (CONTENT_TYPE, json)], self.body).into_response())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_provider_has_the_name_under_which_it_is_told() {
        for provider in [Provider::OpenAi, Provider::Anthropic, Provider::Ollama, Provider::Custom] {
            assert_eq!(serde_json::to_value(provider).unwrap(), provider.name());
            assert_eq!(Provider::parse(provider.name()), Some(provider));
            assert_eq!(serde_json::from_value::<Provider>(provider.name().into()).unwrap(), provider);
        }
        for other in [r#""OpenAI""#, r#"{"openai":null}"#, "1"] {
            assert!(serde_json::from_str::<Provider>(other).is_err(), "{other}");
        }
    }
}
