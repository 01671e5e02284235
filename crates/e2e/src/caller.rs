//! Somebody who calls: anonymous, a user or an administrator, with the token that says so.

use anyhow::{Context as _, Result, ensure};
use reqwest::{Client, Method, RequestBuilder};
use serde_json::Value;

use crate::answer::Answer;
use crate::document::Document;
use crate::host::Host;

/// More than any list of the tests has.
const MAX_PAGES: usize = 1000;

/// Somebody who calls.
#[derive(Clone, Debug)]
pub struct Caller {
    pub(crate) http: Client,
    pub(crate) url: String,
    /// Empty for somebody who is not signed in.
    pub email: String,
    /// Empty for somebody who is not signed in.
    pub token: String,
    pub(crate) is_in_a_browser: bool,
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

    /// A list, page by page, from this one to the last.
    ///
    /// # Errors
    /// When there is no answer, or no end.
    pub async fn pages(&self, path: &str) -> Result<Vec<Answer>> {
        let mut pages = vec![self.get(path).await?];
        while let Some(next) = pages.last().and_then(Answer::next_page) {
            ensure!(pages.len() < MAX_PAGES, "{path} has no last page");
            pages.push(self.get(&next).await?);
        }
        Ok(pages)
    }

    /// PUT with a JSON body.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn put(&self, path: &str, body: &Value) -> Result<Answer> {
        self.send(self.request(Method::PUT, path).json(body)).await
    }

    /// PATCH with a JSON body.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn patch(&self, path: &str, body: &Value) -> Result<Answer> {
        self.send(self.request(Method::PATCH, path).json(body)).await
    }

    /// DELETE.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn delete(&self, path: &str) -> Result<Answer> {
        self.send(self.request(Method::DELETE, path)).await
    }

    /// A request to be given more headers or a body, with the caller's token.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.url));
        if self.is_in_a_browser {
            let cookie = format!("__Host-fd_access={}", self.token);
            request.header("cookie", cookie).header("sec-fetch-site", "same-origin")
        } else if self.token.is_empty() {
            request
        } else {
            request.bearer_auth(&self.token)
        }
    }

    /// Sends a request.
    ///
    /// # Errors
    /// When there is no answer, or one that is not in the OpenAPI document.
    pub async fn send(&self, request: RequestBuilder) -> Result<Answer> {
        let (client, request) = request.build_split();
        let request = request.context("making a request")?;
        let (method, path) = (request.method().clone(), request.url().path().to_owned());
        let answer = Answer::read(client.execute(request).await.context("sending a request")?).await?;
        Document::checked_in()?.check(&method, &path, &answer)?;
        Ok(answer)
    }

    /// Their id.
    ///
    /// # Errors
    /// When they are not signed in.
    pub async fn id(&self) -> Result<String> {
        let answer = self.get("/api/users/me").await?;
        let id = answer.json().get("id").and_then(Value::as_str).map(str::to_owned);
        id.with_context(|| format!("asking who somebody is: {answer}"))
    }

    /// The same caller at another replica.
    #[must_use]
    pub fn at(&self, replica: &Host) -> Self {
        Self { url: replica.url().to_owned(), ..self.clone() }
    }

    /// The same caller whose token is in a cookie, on a page of Frontdesk's own.
    #[must_use]
    pub fn in_a_browser(&self) -> Self {
        Self { is_in_a_browser: true, ..self.clone() }
    }

    /// The same caller with another token.
    #[must_use]
    pub fn with_token(&self, token: &str) -> Self {
        Self { token: token.to_owned(), ..self.clone() }
    }
}
