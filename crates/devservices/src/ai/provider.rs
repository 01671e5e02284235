//! The providers, and one call of any of them.

use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue, Method, Request};
use http_body_util::Full;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::chat::Question;
use super::{anthropic, ollama, openai};
use crate::client::Client;
use crate::{Error, Result, console};

/// Whose API is spoken.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Provider {
    OpenAi,
    Anthropic,
    Ollama,
    /// Whatever speaks OpenAI's API at `base_url`.
    Custom,
}

/// What administrators set. Without `Debug`, so that the key cannot be printed in passing.
#[derive(Clone, Deserialize)]
pub struct AiSettings {
    pub(super) provider: Provider,
    pub(super) model: Option<String>,
    pub(super) base_url: Option<String>,
    pub(super) api_key: Option<String>,
}

/// A request that a provider understands.
pub(super) struct Call {
    pub(super) url: String,
    /// Those that name the caller, each with its value.
    pub(super) headers: Vec<(HeaderName, String)>,
    pub(super) body: Value,
    /// What the provider said, from its answer.
    pub(super) read: fn(&Value) -> Option<String>,
}

/// What a provider answered.
pub(super) struct Said {
    pub(super) model: String,
    pub(super) content: String,
}

impl AiSettings {
    /// Whether there is somebody to call. Ollama needs neither a key nor an address: it is on the same machine.
    pub(super) fn is_configured(&self) -> bool {
        self.provider == Provider::Ollama || self.base_url.is_some() || self.api_key.is_some()
    }

    /// `base_url`, or the provider's own address.
    pub(super) fn base_url<'a>(&'a self, default: &'a str) -> &'a str {
        self.base_url.as_deref().unwrap_or(default).trim_end_matches('/')
    }

    /// The key as a bearer token, if there is one.
    pub(super) fn bearer(&self) -> Option<(HeaderName, String)> {
        self.api_key.as_ref().map(|key| (http::header::AUTHORIZATION, format!("Bearer {key}")))
    }
}

/// The provider's answer.
pub(super) async fn ask(
    client: &Client,
    settings: &AiSettings,
    question: &Question,
    timeout: Duration,
) -> Result<Said> {
    let model = question.model.as_ref().or(settings.model.as_ref());
    let call = match settings.provider {
        Provider::OpenAi | Provider::Custom => openai::call(settings, model, question)?,
        Provider::Anthropic => anthropic::call(settings, model, question),
        Provider::Ollama => ollama::call(settings, model, question),
    };
    let asked_for = call.body.get("model").cloned();
    let answer = send(client, call, timeout).await.inspect_err(|error| {
        if let Error::Provider(text) = error {
            console::note(&format!("Warning: {text}"));
        }
    })?;
    let model = answer.0.get("model").or(asked_for.as_ref()).and_then(Value::as_str).unwrap_or("default");
    Ok(Said { model: model.to_owned(), content: answer.1 })
}

async fn send(client: &Client, call: Call, timeout: Duration) -> Result<(Value, String)> {
    let read = call.read;
    let answer = client
        .send(request(call)?, timeout)
        .await
        .map_err(|failure| Error::Provider(format!("The AI provider {failure}")))?;
    let status = answer.status();
    if status.is_redirection() {
        return Err(failed("The AI provider answered with a redirect, which is not followed"));
    }
    if !status.is_success() {
        return Err(Error::Provider(format!("The AI provider answered with status {}", status.as_u16())));
    }
    let json: Option<Value> = serde_json::from_slice(answer.body()).ok();
    json.and_then(|json| read(&json).map(|content| (json, content)))
        .ok_or_else(|| failed("The AI provider's answer is not as its API has it"))
}

fn request(call: Call) -> Result<Request<Full<Bytes>>> {
    let mut request = Request::new(Full::from(call.body.to_string()));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = call.url.parse().map_err(|_| failed("The AI provider's address is malformed"))?;
    if request.uri().authority().is_none() {
        return Err(failed("The AI provider's address is malformed"));
    }
    request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    for (name, value) in call.headers {
        let mut value = HeaderValue::from_str(&value).map_err(|_| failed("The AI provider's key cannot be sent"))?;
        value.set_sensitive(true);
        request.headers_mut().insert(name, value);
    }
    Ok(request)
}

pub(super) fn failed(text: &str) -> Error {
    Error::Provider(text.to_owned())
}
