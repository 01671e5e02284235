//! What is known of a request before anybody looks at its body: its id, and what its log line says.

use std::sync::{Arc, OnceLock};
use std::time::Instant;

use http::HeaderMap;
use http::request::Parts;
use serde::Serialize;
use uuid::Uuid;

use crate::cookies::Cookies;

/// The longest path that is logged, in characters.
const MAX_PATH: usize = 1024;

/// One request, for its log line; shared with the extractors, which add who is calling.
#[derive(Clone, Debug)]
pub(crate) struct RequestLog(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    id: String,
    method: http::Method,
    path: String,
    started: Instant,
    user: OnceLock<Uuid>,
    cookies: OnceLock<Cookies>,
}

impl RequestLog {
    pub(crate) fn begin<B>(request: &http::Request<B>) -> Self {
        Self(Arc::new(Inner {
            id: request_id(request.headers()),
            method: request.method().clone(),
            // Without the query, which may hold what does not belong in a log.
            path: request.uri().path().chars().take(MAX_PATH).collect(),
            started: Instant::now(),
            user: OnceLock::new(),
            cookies: OnceLock::new(),
        }))
    }

    pub(crate) fn id(&self) -> &str {
        &self.0.id
    }

    pub(crate) fn is_head(&self) -> bool {
        self.0.method == http::Method::HEAD
    }

    pub(crate) fn signed_in(&self, user: Uuid) {
        let _ = self.0.user.set(user);
    }

    /// Notes that the cookies of a session say who is calling.
    pub(crate) fn came_with(&self, cookies: Cookies) {
        let _ = self.0.cookies.set(cookies);
    }

    /// How the cookies are called that say who is calling, if it is cookies.
    pub(crate) fn cookies(&self) -> Option<Cookies> {
        self.0.cookies.get().copied()
    }

    /// The log line, when the request has been answered.
    pub(crate) fn line<'a>(&'a self, component: &'a str, status: u16, error: Option<&'a crate::Error>) -> Line<'a> {
        Line {
            level: if status >= 500 { "error" } else { "info" },
            component,
            request_id: &self.0.id,
            method: self.0.method.as_str(),
            path: &self.0.path,
            status,
            duration_ms: (self.0.started.elapsed().as_secs_f64() * 1e4).round() / 10.0,
            user_id: self.0.user.get().copied(),
            error_code: error.map(crate::Error::code),
            error_detail: error.and_then(crate::Error::log_detail),
        }
    }
}

/// A request's line in the log.
#[derive(Serialize)]
pub(crate) struct Line<'a> {
    level: &'static str,
    component: &'a str,
    #[serde(rename = "request.id")]
    request_id: &'a str,
    #[serde(rename = "http.method")]
    method: &'a str,
    #[serde(rename = "http.path")]
    path: &'a str,
    #[serde(rename = "http.status")]
    status: u16,
    duration_ms: f64,
    #[serde(rename = "user.id", skip_serializing_if = "Option::is_none")]
    user_id: Option<Uuid>,
    #[serde(rename = "error.code", skip_serializing_if = "Option::is_none")]
    error_code: Option<&'static str>,
    #[serde(rename = "error.detail", skip_serializing_if = "Option::is_none")]
    error_detail: Option<String>,
}

/// The client's own id if it is harmless in logs and headers, else a new one.
fn request_id(headers: &HeaderMap) -> String {
    let harmless = |id: &&str| {
        (1..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
    };
    let given = headers.get("x-request-id").and_then(|value| value.to_str().ok()).filter(harmless);
    given.map_or_else(|| Uuid::new_v4().to_string(), str::to_owned)
}

/// The id of a request, as it is in the answer's `x-request-id`; empty when it did not come through an instance.
pub fn request_id_of(parts: &Parts) -> &str {
    parts.extensions.get::<RequestLog>().map_or("", RequestLog::id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn a_harmless_request_id_is_kept_and_any_other_replaced() {
        assert_eq!(request_id(&headers(&[("x-request-id", "a.B_c-9")])), "a.B_c-9");
        for id in ["", "a b", "a\"b", "ä", &"a".repeat(65)] {
            let replaced = request_id(&headers(&[("x-request-id", id)]));
            assert!(replaced.parse::<Uuid>().is_ok(), "{id:?} became {replaced:?}");
        }
    }
}
