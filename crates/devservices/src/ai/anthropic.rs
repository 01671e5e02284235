//! Anthropic's messages.

use http::HeaderName;
use serde_json::{Value, json};

use super::chat::{Message, Question, Role};
use super::provider::{AiSettings, Call};

const BASE_URL: &str = "https://api.anthropic.com";
/// When none is set.
const MODEL: &str = "claude-haiku-4-5";
/// The API wants a limit.
const MAX_TOKENS: u32 = 1024;
const VERSION: &str = "2023-06-01";

pub(super) fn call(settings: &AiSettings, model: Option<&String>, question: &Question) -> Call {
    // Instructions are no messages there.
    let (system, messages): (Vec<&Message>, Vec<&Message>) =
        question.messages.iter().partition(|message| message.role == Role::System);
    let mut body = json!({
        "model": model.map_or(MODEL, String::as_str),
        "max_tokens": question.max_tokens.map_or(MAX_TOKENS, u32::from),
        "messages": messages,
    });
    let system: Vec<&str> = system.iter().map(|message| message.content.as_str()).collect();
    if let (Some(body), false) = (body.as_object_mut(), system.is_empty()) {
        body.insert("system".to_owned(), system.join("\n\n").into());
    }
    let mut headers = vec![(HeaderName::from_static("anthropic-version"), VERSION.to_owned())];
    headers.extend(settings.api_key.clone().map(|key| (HeaderName::from_static("x-api-key"), key)));
    // The address is written with the version and without it.
    let base_url = settings.base_url(BASE_URL);
    let url = format!("{}/v1/messages", base_url.strip_suffix("/v1").unwrap_or(base_url));
    Call { url, headers, body, read }
}

fn read(answer: &Value) -> Option<String> {
    let blocks = answer.get("content")?.as_array()?;
    Some(blocks.iter().filter_map(|block| block.get("text")?.as_str()).collect())
}
