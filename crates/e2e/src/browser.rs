//! A browser: it keeps the cookies that it is given and sends them with every request.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use reqwest::header::{COOKIE, SET_COOKIE};
use reqwest::{Method, RequestBuilder};
use serde_json::json;

use crate::answer::Answer;
use crate::caller::Caller;
use crate::host::Host;

/// A browser on a page of Frontdesk's own. It looks at no attribute of a cookie but `Max-Age=0`.
#[derive(Clone, Debug)]
pub struct Browser {
    caller: Caller,
    cookies: BTreeMap<String, String>,
}

impl Browser {
    /// One without cookies.
    pub(crate) fn new(anonymous: Caller) -> Self {
        Self { caller: anonymous, cookies: BTreeMap::new() }
    }

    /// Signs in to an account that the harness made.
    ///
    /// # Errors
    /// When it is refused.
    pub(crate) async fn sign_in(&mut self, email: &str) -> Result<()> {
        email.clone_into(&mut self.caller.email);
        let body = json!({"email": email, "password": Caller::PASSWORD});
        let answer = self.send(self.from_our_page(Method::POST, "/api/auth/session").json(&body)).await?;
        ensure!(answer.status == 200, "signing in: {answer}");
        Ok(())
    }

    /// Whose it is.
    pub fn email(&self) -> &str {
        &self.caller.email
    }

    /// A cookie's value; empty when there is none.
    pub fn cookie(&self, name: &str) -> &str {
        self.cookies.get(name).map(String::as_str).unwrap_or_default()
    }

    /// The same browser with another value of a cookie.
    #[must_use]
    pub fn with_cookie(mut self, name: &str, value: &str) -> Self {
        self.cookies.insert(name.to_owned(), value.to_owned());
        self
    }

    /// The same browser at another replica.
    #[must_use]
    pub fn at(&self, replica: &Host) -> Self {
        Self { caller: self.caller.at(replica), cookies: self.cookies.clone() }
    }

    /// GET.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn get(&mut self, path: &str) -> Result<Answer> {
        self.send(self.from_our_page(Method::GET, path)).await
    }

    /// POST without a body.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn post(&mut self, path: &str) -> Result<Answer> {
        self.send(self.from_our_page(Method::POST, path)).await
    }

    /// DELETE.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn delete(&mut self, path: &str) -> Result<Answer> {
        self.send(self.from_our_page(Method::DELETE, path)).await
    }

    /// A request of which nothing says whose page asked for it.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.caller.request(method, path);
        if self.cookies.is_empty() {
            return request;
        }
        let cookies: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        request.header(COOKIE, cookies.join("; "))
    }

    /// A request that a page of ours asked for.
    pub fn from_our_page(&self, method: Method, path: &str) -> RequestBuilder {
        self.request(method, path).header("sec-fetch-site", "same-origin")
    }

    /// Sends a request and keeps what cookies the answer sets.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn send(&mut self, request: RequestBuilder) -> Result<Answer> {
        let answer = self.caller.send(request).await?;
        for cookie in answer.headers.get_all(SET_COOKIE) {
            let (cookie, attributes) = cookie.to_str()?.split_once(';').unwrap_or_default();
            let (name, value) = cookie.split_once('=').unwrap_or_default();
            if attributes.split("; ").any(|attribute| attribute.trim() == "Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        Ok(answer)
    }
}
