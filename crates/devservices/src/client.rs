//! Calls to others: over http or https, one answer of limited size within a limited time. No redirects are followed and no
//! proxies are used.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

/// How much of an answer is read, in bytes.
const MAX_ANSWER: usize = 1024 * 1024;

/// Calls others; cheap to clone.
#[derive(Clone)]
pub struct Client(legacy::Client<HttpsConnector<HttpConnector>, Full<Bytes>>);

/// Why there is no answer, in words that follow the name of whoever was called.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Failure {
    Unreachable,
    Slow,
    Broken,
    TooLarge,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unreachable => "cannot be reached",
            Self::Slow => "did not answer in time",
            Self::Broken => "broke off its answer",
            Self::TooLarge => "answered with more than 1 MiB",
        })
    }
}

impl Client {
    /// One that trusts the authorities that Mozilla trusts.
    pub fn new() -> Self {
        let connector = HttpsConnectorBuilder::new().with_webpki_roots().https_or_http().enable_http1().build();
        Self(legacy::Client::builder(TokioExecutor::new()).build(connector))
    }

    pub(crate) async fn send(
        &self,
        request: Request<Full<Bytes>>,
        timeout: Duration,
    ) -> Result<Response<Bytes>, Failure> {
        tokio::time::timeout(timeout, self.answer(request)).await.unwrap_or(Err(Failure::Slow))
    }

    async fn answer(&self, request: Request<Full<Bytes>>) -> Result<Response<Bytes>, Failure> {
        let answer = self.0.request(request).await.map_err(|error| match error.is_connect() {
            true => Failure::Unreachable,
            false => Failure::Broken,
        })?;
        let (parts, body) = answer.into_parts();
        match Limited::new(body, MAX_ANSWER).collect().await {
            Ok(body) => Ok(Response::from_parts(parts, body.to_bytes())),
            Err(error) if error.is::<LengthLimitError>() => Err(Failure::TooLarge),
            Err(_) => Err(Failure::Broken),
        }
    }
}

impl Default for Client {
    fn default() -> Self {
        Self::new()
    }
}
