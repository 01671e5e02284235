//! The body on its way to the service behind: counted, and known to wait for the client or for the service.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use axum::body::Body;
use bytes::Bytes;
use http_body::{Body as HttpBody, Frame};

use crate::watch::Watch;

/// What becomes of an upload, for who waits for the answer.
#[derive(Clone)]
pub(crate) struct Progress(Arc<Inner>);

struct Inner {
    turn: Mutex<Turn>,
    is_too_large: AtomicBool,
    is_broken: AtomicBool,
    is_over: AtomicBool,
    /// Whether the client may go on sending. Until the answer begins, who waits for that asks instead.
    watch: Mutex<Option<Watch>>,
}

/// Who has to do something.
enum Turn {
    /// The client: more of the body is waited for.
    Client(Option<Waker>),
    /// The service, since then: it was given what there is, and has neither taken it nor answered.
    Service(Instant),
    /// Nobody: the request has failed, and the rest of the body is for others to read.
    Nobody,
}

impl Progress {
    /// How long the service has had its turn: since it was offered what the client last sent, which in the end is all.
    pub(crate) fn waits_for_service(&self) -> Option<Duration> {
        match *self.turn() {
            Turn::Service(since) => Some(since.elapsed()),
            Turn::Client(_) | Turn::Nobody => None,
        }
    }

    /// Whether it was broken off because it is over the limit.
    pub(crate) fn is_too_large(&self) -> bool {
        self.0.is_too_large.load(Ordering::Relaxed)
    }

    /// Whether the client broke it off.
    pub(crate) fn is_broken(&self) -> bool {
        self.0.is_broken.load(Ordering::Relaxed)
    }

    /// Whether all of it was read, or nobody reads it any more.
    pub(crate) fn is_over(&self) -> bool {
        self.0.is_over.load(Ordering::Relaxed)
    }

    /// Has the upload itself ask from now on whether the client may go on, because its answer has begun.
    pub(crate) fn watch(&self, watch: Watch) {
        *self.watched() = Some(watch);
        // One that waits for the client begins to wait for the watch too. It is a part of the same task as who calls this.
        if let Turn::Client(Some(waker)) = &*self.turn() {
            waker.wake_by_ref();
        }
    }

    /// Ends an upload whose request has failed. Whoever reads the rest of the body would otherwise take away the wake-up that
    /// this one waits for, and it would wait, and keep the instance, for ever.
    pub(crate) fn abandon(&self) {
        let before = std::mem::replace(&mut *self.turn(), Turn::Nobody);
        if let Turn::Client(Some(waker)) = before {
            waker.wake();
        }
    }

    /// Gives somebody else the turn, unless it is nobody's.
    fn pass(&self, to: Turn) {
        let mut turn = self.turn();
        if !matches!(*turn, Turn::Nobody) {
            *turn = to;
        }
    }

    /// What a watch says, if there is one: that the client may go on, or why not.
    fn poll_allowed(&self, cx: &mut Context<'_>) -> Poll<Result<(), axum::Error>> {
        match &mut *self.watched() {
            Some(watch) => watch.poll_allowed(cx).map_err(|error| watch.break_off(&error)),
            None => Poll::Ready(Ok(())),
        }
    }

    /// Waits for a watch, if there is one, to say that the client may not go on.
    fn poll_ended(&self, cx: &mut Context<'_>) -> Poll<axum::Error> {
        match &mut *self.watched() {
            Some(watch) => watch.poll_ended(cx).map(|error| watch.break_off(&error)),
            None => Poll::Pending,
        }
    }

    fn turn(&self) -> MutexGuard<'_, Turn> {
        // A poisoned lock cannot be met: nothing panics under it, and wasm has no unwinding.
        self.0.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn watched(&self) -> MutexGuard<'_, Option<Watch>> {
        // As above.
        self.0.watch.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A body of at most `left` bytes. It yields an error rather than more, which also breaks off the request that it is part of.
pub(crate) struct Upload {
    /// Read already, to see whether there is anything.
    first: Option<Bytes>,
    body: Body,
    left: u64,
    progress: Progress,
    /// Whether the time of the service goes on from an attempt before.
    is_repeated: bool,
}

impl Upload {
    pub(crate) fn new(first: Option<Bytes>, body: Body, limit: u64) -> (Self, Progress) {
        let progress = Progress(Arc::new(Inner {
            turn: Mutex::new(Turn::Service(Instant::now())),
            is_too_large: AtomicBool::new(false),
            is_broken: AtomicBool::new(false),
            is_over: AtomicBool::new(false),
            watch: Mutex::new(None),
        }));
        (Self { first, body, left: limit, progress: progress.clone(), is_repeated: false }, progress)
    }

    /// No body, of an attempt after another one.
    pub(crate) fn repeated(progress: &Progress) -> Self {
        Self { first: None, body: Body::empty(), left: 0, progress: progress.clone(), is_repeated: true }
    }

    fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, axum::Error>>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(Ok(first)));
        }
        loop {
            match std::task::ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                Some(Ok(frame)) => {
                    // Trailers do not pass.
                    if let Ok(data) = frame.into_data() {
                        return Poll::Ready(Some(Ok(data)));
                    }
                }
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(None),
            }
        }
    }

    fn count(&mut self, data: Bytes) -> Result<Frame<Bytes>, axum::Error> {
        match self.left.checked_sub(data.len() as u64) {
            Some(left) => {
                self.left = left;
                Ok(Frame::data(data))
            }
            None => {
                self.progress.0.is_too_large.store(true, Ordering::Relaxed);
                Err(axum::Error::new("the upload is over the limit"))
            }
        }
    }
}

impl HttpBody for Upload {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if matches!(*self.progress.turn(), Turn::Nobody) {
            return Poll::Ready(Some(Err(axum::Error::new("the request has failed"))));
        }
        if let Err(error) = std::task::ready!(self.progress.poll_allowed(cx)) {
            return Poll::Ready(Some(Err(error)));
        }
        let Poll::Ready(polled) = self.poll_data(cx) else {
            self.progress.pass(Turn::Client(Some(cx.waker().clone())));
            return self.progress.poll_ended(cx).map(|error| Some(Err(error)));
        };
        if polled.is_none() {
            self.progress.0.is_over.store(true, Ordering::Relaxed);
        }
        if !self.is_repeated {
            self.progress.pass(Turn::Service(Instant::now()));
        }
        Poll::Ready(polled.map(|data| match data {
            Ok(data) => self.count(data),
            Err(error) => {
                self.progress.0.is_broken.store(true, Ordering::Relaxed);
                Err(error)
            }
        }))
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        self.progress.0.is_over.store(true, Ordering::Relaxed);
    }
}

/// The first bytes of a body, and the body without them; `None` when it has none.
pub(crate) async fn first_of(body: &mut Body) -> Option<Result<Bytes, axum::Error>> {
    loop {
        match std::future::poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)).await {
            Some(Ok(frame)) => match frame.into_data() {
                Ok(data) if !data.is_empty() => return Some(Ok(data)),
                _ => {}
            },
            Some(Err(error)) => return Some(Err(error)),
            None => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    fn next(upload: &mut Upload) -> Option<Result<Vec<u8>, String>> {
        let polled = std::future::poll_fn(|cx| Pin::new(&mut *upload).poll_frame(cx)).now_or_never().unwrap();
        polled.map(|frame| frame.map(|frame| frame.into_data().unwrap().to_vec()).map_err(|error| error.to_string()))
    }

    #[test]
    fn what_was_read_before_comes_first_and_counts() {
        let (mut upload, progress) = Upload::new(Some("ab".into()), Body::from("cd"), 4);
        assert_eq!(next(&mut upload), Some(Ok(b"ab".to_vec())));
        assert_eq!(next(&mut upload), Some(Ok(b"cd".to_vec())));
        assert_eq!(next(&mut upload), None);
        assert!(!progress.is_too_large() && progress.waits_for_service().is_some());

        let (mut upload, progress) = Upload::new(Some("ab".into()), Body::from("cd"), 3);
        assert!(next(&mut upload).unwrap().is_ok() && next(&mut upload).unwrap().is_err());
        assert!(progress.is_too_large());
    }

    #[test]
    fn an_upload_that_waits_for_the_client_ends_when_it_is_abandoned() {
        let never = futures::stream::pending::<Result<Bytes, std::io::Error>>();
        let (mut upload, progress) = Upload::new(None, Body::from_stream(never), 9);
        let mut frame = Box::pin(std::future::poll_fn(move |cx| Pin::new(&mut upload).poll_frame(cx)));
        assert!(frame.as_mut().now_or_never().is_none());
        assert!(progress.waits_for_service().is_none());
        progress.abandon();
        assert!(frame.now_or_never().unwrap().unwrap().is_err());
    }
    #[test]
    fn an_upload_is_over_when_it_was_read_or_nobody_reads_it_any_more() {
        let (mut upload, progress) = Upload::new(None, Body::from("ab"), 4);
        assert!(next(&mut upload).unwrap().is_ok() && !progress.is_over());
        assert!(next(&mut upload).is_none() && progress.is_over());

        let (upload, progress) = Upload::new(None, Body::from("ab"), 4);
        assert!(!progress.is_over());
        drop(upload);
        assert!(progress.is_over());
    }

    #[test]
    fn an_upload_that_waits_for_the_client_ends_when_they_may_not_go_on() {
        let never = futures::stream::pending::<Result<Bytes, std::io::Error>>();
        let (mut upload, progress) = Upload::new(None, Body::from_stream(never), 9);
        let mut frame = Box::pin(std::future::poll_fn(move |cx| Pin::new(&mut upload).poll_frame(cx)));
        assert!(frame.as_mut().now_or_never().is_none());
        progress.watch(Watch::refusing());
        assert!(frame.now_or_never().unwrap().unwrap().is_err());
    }

    #[test]
    fn nothing_more_is_sent_on_for_somebody_who_may_not_go_on() {
        let (mut upload, progress) = Upload::new(None, Body::from("ab"), 4);
        progress.watch(Watch::refusing());
        assert!(next(&mut upload).unwrap().is_err());
    }
}
