//! An answer, and what of it a snapshot shows.

use std::fmt;

use anyhow::{Context as _, Result};
use reqwest::header::HeaderMap;
use reqwest::{Response, StatusCode};
use serde_json::Value;
use uuid::Uuid;

/// An answer, read whole. It displays as status and body with everything that differs from run to run replaced.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: String,
}

impl Answer {
    pub(crate) async fn read(response: Response) -> Result<Self> {
        let (status, headers) = (response.status(), response.headers().clone());
        let body = response.text().await.context("reading the answer")?;
        Ok(Self { status, headers, body })
    }

    /// The body as JSON; null when it is none.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }

    /// A header as text; empty when it is not there.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// What cookies it sets or clears, a line each, with their tokens replaced.
    pub fn cookies(&self) -> String {
        let kinds = [("=eyJ", "=[token]"), ("=fdr_", "=[refresh token]"), ("=fdd_", "=[device]")];
        let shown = |cookie: &str| {
            let (pair, attributes) = cookie.split_once(';').unwrap_or((cookie, ""));
            let name = pair.split('=').next().unwrap_or_default();
            let kind = kinds.iter().find(|(start, _)| pair.contains(start)).map(|(_, replacement)| *replacement);
            kind.map_or_else(|| cookie.to_owned(), |replacement| format!("{name}{replacement};{attributes}"))
        };
        let cookies = self.headers.get_all("set-cookie").iter().filter_map(|cookie| cookie.to_str().ok());
        cookies.map(shown).collect::<Vec<_>>().join("\n")
    }

    /// `code` of an error.
    pub fn code(&self) -> String {
        self.json().get("code").and_then(Value::as_str).unwrap_or_default().to_owned()
    }

    /// What a 422 refuses, each as `body.email`, in alphabetical order; empty for any other answer.
    pub fn refused(&self) -> Vec<String> {
        let json = self.json();
        let errors = json.get("detail").and_then(Value::as_array).filter(|_| self.status == 422);
        let step = |step: &Value| step.as_str().map_or_else(|| step.to_string(), str::to_owned);
        let place = |error: &Value| {
            let steps = error.get("loc").and_then(Value::as_array).into_iter().flatten();
            steps.map(step).collect::<Vec<_>>().join(".")
        };
        let mut refused: Vec<_> = errors.into_iter().flatten().map(place).collect();
        refused.sort_unstable();
        refused
    }

    /// The path and query of the next page, of a list that has one.
    pub fn next_page(&self) -> Option<String> {
        let target = self.header("link").strip_prefix('<')?;
        target.strip_suffix(">; rel=\"next\"").map(str::to_owned)
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.status.as_u16())?;
        match serde_json::from_str::<Value>(&self.body) {
            Ok(mut json) => {
                redact(&mut json);
                write!(f, " {json:#}")
            }
            Err(_) if self.body.is_empty() => Ok(()),
            Err(_) => write!(f, " {}", self.body),
        }
    }
}

fn redact(value: &mut Value) {
    match value {
        Value::Array(values) => values.iter_mut().for_each(redact),
        Value::Object(fields) => fields.values_mut().for_each(redact),
        Value::String(text) => {
            let replacement = if text.parse::<Uuid>().is_ok() {
                "[uuid]"
            } else if text.len() == 24 && text.ends_with('Z') && text.get(10..11) == Some("T") {
                "[time]"
            } else if text.ends_with("@example.com") {
                "[email]"
            } else if text.starts_with("eyJ") {
                "[token]"
            } else if text.starts_with("fdr_") {
                "[refresh token]"
            } else {
                return;
            };
            replacement.clone_into(text);
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
