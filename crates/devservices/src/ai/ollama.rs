//! Ollama's chat: models on a machine of one's own.

use serde_json::{Value, json};

use super::chat::Question;
use super::provider::{AiSettings, Call};

const BASE_URL: &str = "http://127.0.0.1:11434";
/// When none is set.
const MODEL: &str = "llama3.2";

pub(super) fn call(settings: &AiSettings, model: Option<&String>, question: &Question) -> Call {
    let mut body = json!({
        "model": model.map_or(MODEL, String::as_str),
        "messages": question.messages,
        "stream": false,
    });
    if let (Some(body), Some(limit)) = (body.as_object_mut(), question.max_tokens) {
        body.insert("options".to_owned(), json!({ "num_predict": limit }));
    }
    let url = format!("{}/api/chat", settings.base_url(BASE_URL));
    // Ollama itself knows no keys; what stands before it may.
    Call { url, headers: settings.bearer().into_iter().collect(), body, read }
}

fn read(answer: &Value) -> Option<String> {
    answer.pointer("/message/content")?.as_str().map(str::to_owned)
}
