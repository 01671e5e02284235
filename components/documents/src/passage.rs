//! The answer's body on its way to the client. It is the host's own stream, which the host can take back without its bytes
//! having entered the component.

use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures::future::{Either, select};
use futures::stream::{self, StreamExt as _};
use http_body::{Body as HttpBody, Frame};
use spin_sdk::time::sleep;
use spin_sdk::wasip3::http::types::ErrorCode;
#[cfg(target_arch = "wasm32")]
use spin_sdk::wasip3::http::types::Response;
use spin_sdk::wasip3::http_compat::IncomingResponseBody;

use crate::upload::first_of;

/// A body that can be read like any other, but for its trailers, or be taken whole.
#[derive(Clone)]
pub(crate) struct Passage(Arc<Mutex<IncomingResponseBody>>);

impl Passage {
    pub(crate) fn new(body: IncomingResponseBody) -> Self {
        Self(Arc::new(Mutex::new(body)))
    }

    /// The answer without a way to read it twice.
    pub(crate) fn into_body(self) -> Body {
        Body::new(self)
    }

    /// The answer, which is short, with all of it at hand that comes within this time, so that it leaves together with the head; and
    /// whether that is the whole of it. Nothing is lost when it is not: a reading that was begun goes on in the body. What has this
    /// length is whole, and is not read on to its end, which would be another wait for the host.
    ///
    /// # Errors
    /// When it breaks off within this time.
    pub(crate) async fn at_hand(self, length: u64, limit: Duration) -> Result<(Body, bool), axum::Error> {
        let (mut body, mut read, mut left) = (self.into_body(), Vec::new(), length);
        let whole = async {
            while left > 0
                && let Some(data) = first_of(&mut body).await
            {
                let data = data?;
                left = left.saturating_sub(data.len() as u64);
                read.push(data);
            }
            Ok(())
        };
        let is_whole = match select(pin!(whole), pin!(sleep(limit))).await {
            Either::Left((outcome, _)) => outcome.map(|()| true)?,
            Either::Right(_) => false,
        };
        if is_whole {
            return Ok((read.concat().into(), true));
        }
        let read = stream::iter(read.into_iter().map(Ok));
        Ok((Body::from_stream(read.chain(body.into_data_stream())), false))
    }

    /// The host's stream, unless somebody has begun to read it.
    #[cfg(target_arch = "wasm32")]
    pub(crate) fn take(&self) -> Option<Response> {
        self.with(IncomingResponseBody::take_unstarted)
    }

    fn with<T>(&self, change: impl FnOnce(&mut IncomingResponseBody) -> T) -> T {
        // A poisoned lock cannot be met: nothing panics under it, and wasm has no unwinding.
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl HttpBody for Passage {
    type Data = Bytes;
    type Error = ErrorCode;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, ErrorCode>>> {
        loop {
            match std::task::ready!(self.with(|body| Pin::new(body).poll_frame(cx))) {
                Some(Ok(frame)) if frame.is_trailers() => {}
                frame => return Poll::Ready(frame),
            }
        }
    }
}
