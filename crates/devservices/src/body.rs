//! Bodies of requests: those of refused ones are read on for a while, and small ones of JSON are parsed.

use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use bytes::Bytes;
use futures::{Stream, StreamExt as _, stream};
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde::de::DeserializeOwned;

use crate::{Error, Result};

/// How much of a refused body is read, in bytes.
const READ_ON: usize = 8 * 1024 * 1024;
/// How long a refused body is read.
const READ_ON_TIME: Duration = Duration::from_secs(2);
/// The largest JSON, in bytes.
const MAX_JSON: usize = 1024 * 1024;

/// Reads a refused body on, so that its sender sees the answer and not a broken connection.
pub(crate) async fn read_on(request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let body = Arc::new(Mutex::new(body.into_data_stream()));
    let request = Request::from_parts(parts, Body::from_stream(chunks(Arc::clone(&body))));
    let response = next.run(request).await;
    if response.status().is_client_error() {
        let mut left = READ_ON;
        let mut rest = chunks(body).take_while(|chunk| {
            left = left.saturating_sub(chunk.as_ref().map_or(left, Bytes::len));
            std::future::ready(left > 0)
        });
        let _ = tokio::time::timeout(READ_ON_TIME, async { while rest.next().await.is_some() {} }).await;
    }
    response
}

/// What a body has left. After each chunk it is pending once: the parser of multipart forms takes chunks for as long as
/// there are any, and would hold all of them in memory.
fn chunks(body: Arc<Mutex<BodyDataStream>>) -> impl Stream<Item = std::result::Result<Bytes, axum::Error>> + Unpin {
    let mut has_given = false;
    stream::poll_fn(move |cx| {
        if std::mem::take(&mut has_given) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let chunk = body.lock().unwrap_or_else(PoisonError::into_inner).poll_next_unpin(cx);
        has_given = chunk.is_ready();
        chunk
    })
}

/// The JSON of a body of at most 1 MiB. The content type is asked for because browsers send any other to any origin
/// without asking first.
pub(crate) async fn json<T: DeserializeOwned>(headers: &HeaderMap, body: Body) -> Result<T> {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case("application/json") {
        return Err(Error::WrongType("The body must be application/json"));
    }
    let body = match Limited::new(body, MAX_JSON).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => return Err(Error::TooLarge(MAX_JSON as u64)),
        Err(_) => return Err(Error::Incomplete),
    };
    serde_json::from_slice(&body).map_err(|error| Error::Invalid(format!("The body is not as it must be: {error}")))
}
