//! The request's body: who reads it, how much of it, and what becomes of the rest.

use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use futures::future::{Either, select};
use http::HeaderMap;
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use spin_sdk::time::sleep;
use spin_sdk::wit_bindgen::spawn;

use crate::error::{Error, Result};
use crate::time::within;

/// The largest body that is read (API.md, section 0).
pub(crate) const LIMIT: usize = 1024 * 1024;

/// How long a client may take to send a body of at most [`LIMIT`].
const READ_TIME: Duration = Duration::from_secs(30);

/// How much of a refused body is read on, and for how long, so that a browser that is still sending sees the answer and not
/// a reset connection (API.md, section 0).
const DRAIN_BYTES: usize = 8 * 1024 * 1024;
/// See [`DRAIN_BYTES`].
const DRAIN_TIME: Duration = Duration::from_secs(2);

/// How much of a refused body is read before its answer leaves, and how long the answer waits for it.
const AT_HAND: usize = 64 * 1024;
/// See [`AT_HAND`].
const BRIEF: Duration = Duration::from_millis(20);

/// How often it is looked whether a body is still read.
const LEFT_POLL: Duration = Duration::from_millis(50);

/// A body that can be read on after the handler has dropped it.
#[derive(Clone)]
pub(crate) struct Upload(Arc<Mutex<Inner>>);

struct Inner {
    body: Body,
    begun: bool,
    ended: bool,
}

impl Upload {
    pub(crate) fn new(body: Body) -> Self {
        let ended = body.is_end_stream();
        Self(Arc::new(Mutex::new(Inner { body, begun: false, ended })))
    }

    /// Whether anybody has begun to read it, which is what a client waits for that asked with `expect: 100-continue`.
    pub(crate) fn is_begun(&self) -> bool {
        self.with(|inner| inner.begun)
    }

    /// Reads on what nobody has read. A little that has arrived is read at once: were it read while the answer leaves, the answer's
    /// body would come too late for the packet that its head is in, and a client waits 40 ms for a second one. A client that is
    /// still sending need not wait for its answer.
    pub(crate) async fn drain(mut self) {
        let is_whole = match select(pin!(self.read_on(AT_HAND)), pin!(sleep(BRIEF))).await {
            Either::Left((is_whole, _)) => is_whole,
            Either::Right(_) => false,
        };
        if !is_whole {
            spawn(self.drain_rest());
        }
    }

    async fn drain_rest(mut self) {
        // Whatever was not sent by then stays unread.
        let _ = within(DRAIN_TIME, self.read_on(DRAIN_BYTES)).await;
    }

    /// Whether the end was reached before more than `limit` bytes were.
    async fn read_on(&mut self, limit: usize) -> bool {
        let mut drained = 0;
        while let Some(Ok(frame)) = self.frame().await {
            drained += frame.data_ref().map_or(0, Bytes::len);
            if drained > limit {
                return false;
            }
        }
        true
    }

    /// The same, once nobody reads it any more: the request may still be on its way to another service.
    pub(crate) async fn drain_when_left(self) {
        while Arc::strong_count(&self.0) > 1 && !self.is_end_stream() {
            sleep(LEFT_POLL).await;
        }
        self.drain_rest().await;
    }

    fn with<T>(&self, read: impl FnOnce(&mut Inner) -> T) -> T {
        // A poisoned lock cannot be met: nothing panics under it, and wasm has no unwinding.
        read(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl HttpBody for Upload {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<std::result::Result<Frame<Bytes>, axum::Error>>> {
        self.with(|inner| {
            if inner.ended {
                return Poll::Ready(None);
            }
            inner.begun = true;
            let polled = Pin::new(&mut inner.body).poll_frame(cx);
            inner.ended = matches!(polled, Poll::Ready(None | Some(Err(_))));
            polled
        })
    }

    fn is_end_stream(&self) -> bool {
        self.with(|inner| inner.ended || inner.body.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        self.with(|inner| inner.body.size_hint())
    }
}

/// Whether a message has a body, as far as its headers say.
pub fn announces_body(headers: &HeaderMap) -> bool {
    headers.contains_key(TRANSFER_ENCODING) || headers.get(CONTENT_LENGTH).is_some_and(|length| length != "0")
}

/// The whole body, if it is within [`LIMIT`]; one that says beforehand that it is not is refused before it is read. `is_read` says
/// whether the route reads bodies of this type.
///
/// # Errors
/// 413, or when it does not arrive whole 415 or 400.
pub(crate) async fn collect(headers: &HeaderMap, body: Body, is_read: bool) -> Result<Bytes> {
    let incomplete = if is_read {
        Error::BadRequest("incomplete_body", "The body did not arrive whole")
    } else {
        Error::UnsupportedMediaType
    };
    let declared =
        headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()).and_then(|text| text.parse::<u64>().ok());
    if declared.is_some_and(|length| length > LIMIT as u64) {
        return Err(Error::BodyTooLarge);
    }
    match within(READ_TIME, Limited::new(body, LIMIT).collect()).await {
        Some(Ok(collected)) => Ok(collected.to_bytes()),
        Some(Err(error)) if error.is::<LengthLimitError>() => Err(Error::BodyTooLarge),
        Some(Err(_)) | None => Err(incomplete),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_announced_by_a_length_or_by_chunks() {
        let announces = |headers: &[(&'static str, &'static str)]| {
            let pairs = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
            announces_body(&pairs.collect())
        };
        for bodiless in [&[][..], &[("content-length", "0")]] {
            assert!(!announces(bodiless), "{bodiless:?}");
        }
        let chunked = ("transfer-encoding", "chunked");
        for with_body in [&[("content-length", "5")][..], &[chunked], &[("content-length", "0"), chunked]] {
            assert!(announces(with_body), "{with_body:?}");
        }
    }
}
