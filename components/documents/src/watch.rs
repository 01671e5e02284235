//! Whether somebody may still do what takes long: asked again and again while a body streams (API.md, section 3).

use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use frontdesk::access::SignedIn;
use frontdesk::{Error, Result, log};
use futures::future::{BoxFuture, Either, FutureExt as _, select};
use spin_sdk::time::sleep;

use crate::may_use;
use crate::state::Proxy;

/// How often it is asked, from the beginning of one question to that of the next.
const INTERVAL: Duration = Duration::from_secs(25);
/// How long a question may take. Two of them fit into [`LIMIT`].
const TIMEOUT: Duration = Duration::from_secs(10);
/// How long a body streams on that is not known to be allowed.
const LIMIT: Duration = Duration::from_secs(60);

type Ask = Box<dyn Fn() -> BoxFuture<'static, Result<()>> + Send>;

/// Asks whether somebody may go on. It is not a task of its own: whoever streams a body owns it and polls it (docs/decisions/0004).
pub(crate) struct Watch {
    ask: Ask,
    request_id: String,
    /// When the last question began that was answered with yes.
    allowed: Instant,
    /// When the last question began.
    asked: Instant,
    question: Option<BoxFuture<'static, Result<()>>>,
    timer: Option<BoxFuture<'static, ()>>,
}

impl Watch {
    /// `since` is when they were found to be allowed.
    pub(crate) fn of(who: &Arc<SignedIn>, proxy: &Proxy, request_id: &str, since: Instant) -> Self {
        let (who, proxy) = (Arc::clone(who), proxy.clone());
        let ask: Ask = Box::new(move || ask(Arc::clone(&who), proxy.clone()).boxed());
        Self::new(ask, request_id, since)
    }

    fn new(ask: Ask, request_id: &str, since: Instant) -> Self {
        let request_id = request_id.to_owned();
        Self { ask, request_id, allowed: since, asked: since, question: None, timer: None }
    }

    /// Whether they may go on. It is pending while that is asked: then it must be polled until it is not, because the question holds a
    /// database session.
    ///
    /// A question that got no answer says nothing about the caller, and one lost packet is no reason to end an upload of an hour.
    /// So it is asked again after the interval. Only when the next answer would come after the limit, they may not go on.
    pub(crate) fn poll_allowed(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        if self.question.is_none() {
            if self.asked.elapsed() < INTERVAL {
                return Poll::Ready(Ok(()));
            }
            self.asked = Instant::now();
        }
        let question = self.question.get_or_insert_with(|| (self.ask)());
        let answer = ready!(question.as_mut().poll(cx));
        self.question = None;
        match answer {
            Ok(()) => {
                self.allowed = self.asked;
                Poll::Ready(Ok(()))
            }
            Err(error) if is_refusal(&error) || self.asked + INTERVAL >= self.allowed + LIMIT => {
                Poll::Ready(Err(error))
            }
            Err(_) => Poll::Ready(Ok(())),
        }
    }

    /// Why they may not go on, once that is so. It wakes whoever waits for it, which [`Watch::poll_allowed`] does only while a
    /// question is open.
    pub(crate) fn poll_ended(&mut self, cx: &mut Context<'_>) -> Poll<Error> {
        loop {
            if let Err(error) = ready!(self.poll_allowed(cx)) {
                return Poll::Ready(error);
            }
            let rest = INTERVAL.saturating_sub(self.asked.elapsed());
            let timer = self.timer.get_or_insert_with(|| sleep(rest).boxed());
            ready!(timer.as_mut().poll(cx));
            self.timer = None;
        }
    }

    /// Whether a question is open.
    pub(crate) fn is_asking(&self) -> bool {
        self.question.is_some()
    }

    /// Waits until they may not go on, which is logged: the line of the request has been written.
    pub(crate) fn poll_cut(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.poll_ended(cx).map(|error| log::error("documents", &self.request_id, &error))
    }
}

async fn ask(who: Arc<SignedIn>, proxy: Proxy) -> Result<()> {
    let answer = match select(pin!(may_use::again(&who, &proxy)), pin!(sleep(TIMEOUT))).await {
        Either::Left((answer, _)) => answer,
        Either::Right(_) => Err(Error::unavailable("nobody said in time whether a caller may go on")),
    };
    proxy.app().db().release();
    answer
}

/// Whether it is a no, and not a question without an answer.
fn is_refusal(error: &Error) -> bool {
    matches!(error, Error::Unauthenticated(..) | Error::SignedOut(..) | Error::Forbidden(..))
}

/// Marks an answer that breaks off when whoever it is for may not go on. It is cloned with the extensions of the answer, and taken once.
#[derive(Clone)]
pub(crate) struct Watched(Arc<Mutex<Option<Watch>>>);

impl Watched {
    pub(crate) fn new(watch: Watch) -> Self {
        Self(Arc::new(Mutex::new(Some(watch))))
    }

    #[cfg_attr(not(target_arch = "wasm32"), expect(dead_code, reason = "only a host takes it"))]
    pub(crate) fn take(&self) -> Option<Watch> {
        // A poisoned lock cannot be met: nothing panics under it, and wasm has no unwinding.
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENDED: Error = Error::Unauthenticated("session_ended", "The session has ended");

    impl Watch {
        /// One that last heard a yes so many seconds ago, and then hears these answers.
        pub(crate) fn hearing(seconds: u64, answers: Vec<Result<()>>) -> Self {
            let answers = Mutex::new(answers.into_iter());
            let ask: Ask = Box::new(move || {
                let answer = answers.lock().unwrap().next().expect("no question more than there are answers");
                async move { answer }.boxed()
            });
            Self::new(ask, "r-1", ago(seconds))
        }

        /// One that hears a no at once.
        pub(crate) fn refusing() -> Self {
            Self::hearing(30, vec![Err(ENDED)])
        }
    }

    fn ago(seconds: u64) -> Instant {
        Instant::now().checked_sub(Duration::from_secs(seconds)).unwrap()
    }

    fn allowed(watch: &mut Watch) -> std::result::Result<(), &'static str> {
        let polled = std::future::poll_fn(|cx| watch.poll_allowed(cx)).now_or_never().unwrap();
        polled.map_err(|error| error.code())
    }

    fn lost() -> Result<()> {
        Err(Error::unavailable("a lost packet"))
    }

    #[test]
    fn nobody_is_asked_about_before_the_interval_is_over() {
        let mut watch = Watch::hearing(20, vec![]);
        assert_eq!(allowed(&mut watch), Ok(()));
    }

    #[test]
    fn a_yes_holds_for_another_interval() {
        let mut watch = Watch::hearing(30, vec![Ok(())]);
        assert_eq!(allowed(&mut watch), Ok(()));
        assert_eq!(allowed(&mut watch), Ok(()));
    }

    #[test]
    fn a_no_ends_it_at_once() {
        assert_eq!(allowed(&mut Watch::refusing()), Err("session_ended"));
        let refusal = Err(Error::Forbidden("app_not_granted", "You may not use this app"));
        assert_eq!(allowed(&mut Watch::hearing(30, vec![refusal])), Err("app_not_granted"));
    }

    #[test]
    fn one_question_without_an_answer_ends_nothing_and_two_do() {
        let mut watch = Watch::hearing(30, vec![lost(), lost()]);
        assert_eq!(allowed(&mut watch), Ok(()));
        // The next interval.
        (watch.allowed, watch.asked) = (ago(55), ago(25));
        assert_eq!(allowed(&mut watch), Err("unavailable"));
    }

    #[test]
    fn an_answer_after_a_lost_one_begins_anew() {
        let mut watch = Watch::hearing(30, vec![lost(), Ok(()), lost()]);
        assert_eq!(allowed(&mut watch), Ok(()));
        (watch.allowed, watch.asked) = (ago(55), ago(25));
        assert_eq!(allowed(&mut watch), Ok(()));
        (watch.allowed, watch.asked) = (ago(25), ago(25));
        assert_eq!(allowed(&mut watch), Ok(()));
    }

    #[test]
    fn two_questions_fit_before_the_limit() {
        assert!(INTERVAL * 2 + TIMEOUT <= LIMIT);
    }
}
