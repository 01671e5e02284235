//! One minimal call to the AI service, and what became of it in words that name no address.

use std::time::Duration;

use axum::body::Body;
use frontdesk::outbound::{Origin, limits};
use frontdesk::{Error, Result};
use futures::future::{Either, select};
use http::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderValue, Method};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde::Serialize;
use serde::de::IgnoredAny;
use spin_sdk::wasip3::http::types::ErrorCode;

use crate::views::Provider;

/// How long the whole call may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How much of an answer is read, in bytes.
const MAX_ANSWER: usize = 64 * 1024;

/// What is asked.
#[derive(Serialize)]
struct Question<'a> {
    provider: Provider,
    model: Option<&'a str>,
    messages: [Message; 1],
    max_tokens: u32,
}

#[derive(Serialize)]
struct Message {
    role: &'static str,
    content: &'static str,
}

/// Why a call is no success.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Failure {
    NotConfigured,
    Unreachable,
    Refused,
    Slow,
    Broken,
    Redirect,
    Status(u16),
    TooLarge,
    NotJson,
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = match self {
            Self::NotConfigured => "No AI service is configured",
            Self::Unreachable => "The AI service cannot be reached",
            Self::Refused => "The AI service refuses connections",
            Self::Slow => return write!(f, "The AI service did not answer within {} s", TIMEOUT.as_secs()),
            Self::Broken => "The AI service broke off its answer",
            Self::Redirect => "The AI service answered with a redirect, which is not followed",
            Self::Status(status) => return write!(f, "The AI service answered with status {status}"),
            Self::TooLarge => "The AI service's answer is too large",
            Self::NotJson => "The AI service's answer is not JSON",
        };
        f.write_str(text)
    }
}

/// Asks the AI service something; `Ok(None)` when it gave a sensible answer, of which nothing is kept.
///
/// # Errors
/// A mistake of ours. What the service does is no error here.
pub(crate) async fn ask(upstream: &Origin, provider: Provider, model: Option<&str>) -> Result<Option<Failure>> {
    let request = request(upstream, provider, model)?;
    match select(std::pin::pin!(call(request)), std::pin::pin!(spin_sdk::time::sleep(TIMEOUT))).await {
        Either::Left((outcome, _)) => Ok(outcome.err()),
        // What is dropped here cancels the host's call.
        Either::Right(_) => Ok(Some(Failure::Slow)),
    }
}

fn request(upstream: &Origin, provider: Provider, model: Option<&str>) -> Result<http::Request<Body>> {
    let message = Message { role: "user", content: "ping" };
    let question = Question { provider, model, messages: [message], max_tokens: 1 };
    let body = serde_json::to_vec(&question).map_err(Error::internal)?;
    let uri = upstream.url("/chat").map_err(Error::internal)?;
    let length = body.len();
    let mut request = http::Request::new(Body::from(body));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = uri;
    let headers = request.headers_mut();
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    // Without it the host announces a chunked body.
    headers.insert(CONTENT_LENGTH, length.into());
    request.extensions_mut().insert(limits(TIMEOUT, TIMEOUT)?);
    Ok(request)
}

async fn call(request: http::Request<Body>) -> std::result::Result<(), Failure> {
    let response = spin_sdk::http::send(request).await.map_err(|error| failure(&error))?;
    let status = response.status();
    if status.is_redirection() {
        return Err(Failure::Redirect);
    }
    if !status.is_success() {
        return Err(Failure::Status(status.as_u16()));
    }
    let body = match Limited::new(response.into_body(), MAX_ANSWER).collect().await {
        Ok(collected) => collected.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => return Err(Failure::TooLarge),
        Err(_) => return Err(Failure::Broken),
    };
    serde_json::from_slice::<IgnoredAny>(&body).map(|_| ()).map_err(|_| Failure::NotJson)
}

fn failure(error: &ErrorCode) -> Failure {
    match error {
        ErrorCode::ConnectionRefused => Failure::Refused,
        ErrorCode::ConnectionTimeout | ErrorCode::ConnectionReadTimeout | ErrorCode::HttpResponseTimeout => {
            Failure::Slow
        }
        ErrorCode::ConnectionTerminated | ErrorCode::HttpProtocolError | ErrorCode::HttpResponseIncomplete => {
            Failure::Broken
        }
        _ => Failure::Unreachable,
    }
}
