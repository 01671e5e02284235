//! OpenAI's chat completions, which others speak too.

use serde_json::{Value, json};

use super::chat::Question;
use super::provider::{AiSettings, Call, Provider, failed};
use crate::Result;

const BASE_URL: &str = "https://api.openai.com/v1";
/// When none is set.
const MODEL: &str = "gpt-4o-mini";

pub(super) fn call(settings: &AiSettings, model: Option<&String>, question: &Question) -> Result<Call> {
    let mut body = json!({ "messages": question.messages });
    let (model, limit) = match settings.provider {
        // Others choose for themselves, and know the older name of the limit only.
        Provider::Custom => (model.map(String::as_str), "max_tokens"),
        _ => (Some(model.map_or(MODEL, String::as_str)), "max_completion_tokens"),
    };
    let optional = [("model", model.map(Value::from)), (limit, question.max_tokens.map(|limit| limit.get().into()))];
    if let Some(body) = body.as_object_mut() {
        body.extend(optional.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
    }
    if settings.provider == Provider::Custom && settings.base_url.is_none() {
        return Err(failed("The AI provider has no address"));
    }
    let url = format!("{}/chat/completions", settings.base_url(BASE_URL));
    Ok(Call { url, headers: settings.bearer().into_iter().collect(), body, read })
}

/// A message may be without words, as when the limit is reached before the first.
fn read(answer: &Value) -> Option<String> {
    let message = answer.pointer("/choices/0/message")?.as_object()?;
    Some(message.get("content").and_then(Value::as_str).unwrap_or_default().to_owned())
}
