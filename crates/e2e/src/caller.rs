//! Somebody who calls: anonymous, a user or an administrator, with the token that says so.

use anyhow::{Context as _, Result};
use reqwest::{Client, Method, RequestBuilder};
use serde_json::Value;

use crate::answer::Answer;

/// Somebody who calls.
#[derive(Clone, Debug)]
pub struct Caller {
    pub(crate) http: Client,
    pub(crate) url: String,
    /// Empty for somebody who is not signed in.
    pub email: String,
    /// Empty for somebody who is not signed in.
    pub token: String,
}

impl Caller {
    /// The password of every account that the harness makes.
    pub const PASSWORD: &'static str = "Correct-Horse";

    /// GET.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn get(&self, path: &str) -> Result<Answer> {
        self.send(self.request(Method::GET, path)).await
    }

    /// POST with a JSON body.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Answer> {
        self.send(self.request(Method::POST, path).json(body)).await
    }

    /// A request to be given more headers or a body, with the caller's token.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.url));
        if self.token.is_empty() { request } else { request.bearer_auth(&self.token) }
    }

    /// Sends a request.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn send(&self, request: RequestBuilder) -> Result<Answer> {
        Answer::read(request.send().await.context("sending a request")?).await
    }

    /// The same caller with another token.
    #[must_use]
    pub fn with_token(&self, token: &str) -> Self {
        Self { token: token.to_owned(), ..self.clone() }
    }
}
