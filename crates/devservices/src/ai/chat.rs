//! Continue a conversation.

use std::num::NonZeroU32;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use http::HeaderMap;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Ai;
use super::provider::{self, Provider};
use crate::client::Failure;
use crate::{Error, Result, body};

/// A conversation so far.
#[derive(Deserialize)]
pub(super) struct Question {
    /// Whom the caller expects to answer.
    provider: Option<Provider>,
    /// In place of the model that is set.
    pub(super) model: Option<String>,
    pub(super) messages: Vec<Message>,
    pub(super) max_tokens: Option<NonZeroU32>,
}

/// What somebody said.
#[derive(Deserialize, Serialize)]
pub(super) struct Message {
    pub(super) role: Role,
    pub(super) content: String,
}

/// Who said it.
#[derive(Clone, Copy, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Role {
    System,
    User,
    Assistant,
}

pub(super) async fn chat(State(ai): State<Ai>, headers: HeaderMap, body: Body) -> Result<Json<Value>> {
    let question: Question = body::json(&headers, body).await?;
    check(&question)?;
    // The settings and the provider share the time.
    tokio::time::timeout(ai.0.timeout, answer(&ai, &question))
        .await
        .unwrap_or_else(|_| Err(Error::Provider(format!("The AI provider {}", Failure::Slow))))
}

fn check(question: &Question) -> Result<()> {
    if !question.messages.iter().any(|message| message.role == Role::User) {
        return Err(Error::invalid("There must be a message of the user"));
    }
    if question.messages.iter().any(|message| message.content.is_empty()) {
        return Err(Error::invalid("A message must not be empty"));
    }
    Ok(())
}

async fn answer(ai: &Ai, question: &Question) -> Result<Json<Value>> {
    let Some(settings) = ai.configured().await? else { return Ok(unconfigured(question.messages.len())) };
    if question.provider.is_some_and(|expected| expected != settings.provider) {
        return Err(Error::invalid("That AI provider is not the one that is set"));
    }
    let said = provider::ask(&ai.0.client, &settings, question, ai.0.timeout).await?;
    Ok(view(json!(settings.provider), &said.model, &said.content))
}

/// No intelligence is made up.
fn unconfigured(messages: usize) -> Json<Value> {
    let content = format!(
        "This is the development service, and no AI provider is configured: nobody has read the messages, of which it \
         got {messages}. An administrator can set a provider in the AI settings."
    );
    view(json!("development"), "none", &content)
}

fn view(provider: Value, model: &str, content: &str) -> Json<Value> {
    let message = json!({ "role": "assistant", "content": content });
    Json(json!({ "provider": provider, "model": model, "message": message }))
}
