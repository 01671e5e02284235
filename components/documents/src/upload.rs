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
    cut: Mutex<Cut>,
}

/// Who has to do something.
enum Turn {
    /// The client: more of the body is waited for.
    Client,
    /// The service, since then: it was given what there is, and has neither taken it nor answered.
    Service(Instant),
}

/// Why an upload breaks off although the client goes on sending.
#[derive(Default)]
struct Cut {
    /// The request has failed, and the rest of the body is for others to read.
    is_abandoned: bool,
    /// Whether the client may go on. Until the answer begins, who waits for that asks instead.
    watch: Option<Watch>,
    waker: Option<Waker>,
}

impl Progress {
    /// How long the service has had its turn: since it was offered what the client last sent, which in the end is all.
    pub(crate) fn waits_for_service(&self) -> Option<Duration> {
        match *self.turn() {
            Turn::Service(since) => Some(since.elapsed()),
            Turn::Client => None,
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

    /// Asks from now on whether the client may go on, because the answer has begun.
    pub(crate) fn watch(&self, watch: Watch) {
        self.change_cut(|cut| cut.watch = Some(watch));
    }

    /// Ends an upload whose request has failed. Whoever reads the rest of the body would otherwise take away the wake-up that
    /// this one waits for, and it would wait, and keep the instance, for ever.
    pub(crate) fn abandon(&self) {
        self.change_cut(|cut| cut.is_abandoned = true);
    }

    /// Waits until the upload is to be broken off.
    pub(crate) fn poll_cut(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut cut = self.cut();
        if cut.is_abandoned {
            return Poll::Ready(());
        }
        cut.waker = Some(cx.waker().clone());
        cut.watch.as_mut().map_or(Poll::Pending, |watch| watch.poll_cut(cx))
    }

    /// Who waits for it is a part of the same task as who calls this (docs/decisions/0004).
    fn change_cut(&self, change: impl FnOnce(&mut Cut)) {
        let mut cut = self.cut();
        change(&mut cut);
        if let Some(waker) = cut.waker.take() {
            waker.wake();
        }
    }

    fn turn(&self) -> MutexGuard<'_, Turn> {
        // A poisoned lock cannot be met: nothing panics under it, and wasm has no unwinding.
        self.0.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn cut(&self) -> MutexGuard<'_, Cut> {
        // As above.
        self.0.cut.lock().unwrap_or_else(PoisonError::into_inner)
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
            cut: Mutex::default(),
        }));
        (Self { first, body, left: limit, progress: progress.clone(), is_repeated: false }, progress)
    }

    pub(crate) fn progress(&self) -> &Progress {
        &self.progress
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
        let Poll::Ready(polled) = self.poll_data(cx) else {
            *self.progress.turn() = Turn::Client;
            return Poll::Pending;
        };
        if polled.is_none() {
            self.progress.0.is_over.store(true, Ordering::Relaxed);
        }
        if !self.is_repeated {
            *self.progress.turn() = Turn::Service(Instant::now());
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

    fn is_cut(progress: &Progress) -> bool {
        std::future::poll_fn(|cx| progress.poll_cut(cx)).now_or_never().is_some()
    }

    #[test]
    fn an_upload_is_cut_off_when_it_is_abandoned() {
        let (_upload, progress) = Upload::new(None, Body::from("ab"), 4);
        assert!(!is_cut(&progress));
        progress.abandon();
        assert!(is_cut(&progress));
    }

    #[test]
    fn an_upload_is_cut_off_when_the_client_may_not_go_on() {
        let (_upload, progress) = Upload::new(None, Body::from("ab"), 4);
        progress.watch(Watch::refusing());
        assert!(is_cut(&progress));
    }

    #[test]
    fn who_waits_for_the_cut_is_woken_by_it() {
        let changes: [fn(&Progress); 2] = [Progress::abandon, |progress| progress.watch(Watch::refusing())];
        for change in changes {
            let (_upload, progress) = Upload::new(None, Body::from("ab"), 4);
            let woken = Arc::new(AtomicBool::new(false));
            let flag = Arc::clone(&woken);
            let waker = futures::task::waker(Arc::new(Flag(flag)));
            assert!(progress.poll_cut(&mut Context::from_waker(&waker)).is_pending());
            change(&progress);
            assert!(woken.load(Ordering::Relaxed));
        }
    }

    struct Flag(Arc<AtomicBool>);

    impl futures::task::ArcWake for Flag {
        fn wake_by_ref(flag: &Arc<Self>) {
            flag.0.store(true, Ordering::Relaxed);
        }
    }

    #[test]
    fn an_upload_without_data_is_the_turn_of_the_client() {
        let never = futures::stream::pending::<Result<Bytes, std::io::Error>>();
        let (mut upload, progress) = Upload::new(None, Body::from_stream(never), 9);
        assert!(progress.waits_for_service().is_some());
        assert!(std::future::poll_fn(|cx| Pin::new(&mut upload).poll_frame(cx)).now_or_never().is_none());
        assert!(progress.waits_for_service().is_none());
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
}
