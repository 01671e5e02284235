//! A request on its way to the service behind, until its answer begins.

use std::future::poll_fn;
use std::task::Poll;
use std::time::{Duration, Instant};

use frontdesk::outbound::limits;
use frontdesk::{Error, Result};
use futures::future::{Either, select};
use http::uri::{Authority, PathAndQuery};
use http::{HeaderMap, Method, Uri};
use spin_sdk::http::{FromResponse as _, Response};
use spin_sdk::wasip3::http::client;
use spin_sdk::wasip3::http::types::{ErrorCode, Request};

use crate::upload::{Progress, Upload};
use crate::watch::Watch;
use crate::writing;

/// How long the service may take to accept a connection; 502 is to come within 5 s (API.md, section 5).
const CONNECT_TIMEOUT: Duration = Duration::from_secs(4);
/// The host's own limits, which count the upload too, and the silence between two events of a stream.
const UNLIMITED: Duration = Duration::from_secs(24 * 3600);
/// How soon a connection breaks off that had ended before.
const AT_ONCE: Duration = Duration::from_millis(500);
/// How long a service may take until it counts as one that is waited for, and until the head of a short answer leaves without its
/// body.
pub(crate) const BRIEF: Duration = Duration::from_millis(100);
/// How often a request that waits for its answer is looked after.
const WATCH: Duration = Duration::from_millis(200);

/// The client went away while it was sending.
pub(crate) const INCOMPLETE: Error = Error::BadRequest("incomplete_body", "The body did not arrive whole");

/// What is asked for.
pub(crate) struct Head {
    pub(crate) method: Method,
    pub(crate) target: Uri,
    pub(crate) headers: HeaderMap,
}

impl Head {
    /// The request as the host takes it. Its body can be cut off.
    fn with(&self, upload: Upload) -> Result<Request> {
        let refused = |()| Error::internal("the host does not take the request");
        let headers = self.headers.clone().try_into().map_err(Error::internal)?;
        let progress = upload.progress().clone();
        let cut = poll_fn(move |cx| progress.poll_cut(cx));
        let (stream, trailers) = writing::write(upload, cut);
        let limits = limits(CONNECT_TIMEOUT, UNLIMITED)?;
        let (request, _) = Request::new(headers, Some(stream), trailers, Some(limits.0));
        request.set_method(&(&self.method).into()).map_err(refused)?;
        request.set_scheme(self.target.scheme().map(Into::into).as_ref()).map_err(refused)?;
        request.set_authority(self.target.authority().map(Authority::as_str)).map_err(refused)?;
        request.set_path_with_query(self.target.path_and_query().map(PathAndQuery::as_str)).map_err(refused)?;
        Ok(request)
    }
}

/// See the module.
pub(crate) struct Outgoing {
    head: Head,
    upload: Upload,
    progress: Progress,
    may_repeat: bool,
}

impl Outgoing {
    /// `may_repeat` says that nothing happens when it arrives twice, and that it has no body.
    pub(crate) fn new(head: Head, (upload, progress): (Upload, Progress), may_repeat: bool) -> Self {
        Self { head, upload, progress, may_repeat }
    }

    /// What becomes of its body.
    pub(crate) fn progress(&self) -> &Progress {
        &self.progress
    }

    /// The answer, once its head is there. The time limit is for the service: it does not run while the client is to send
    /// something. When nothing comes for a moment, `waits` is called. While the body is on its way, `watch` says whether the client
    /// may go on.
    ///
    /// # Errors
    /// 400 `incomplete_body`, 401 `session_ended`, 403 `app_not_granted`, 413 `upload_too_large`, 502 and 504.
    pub(crate) async fn answer(self, timeout: Duration, watch: &mut Watch, waits: impl FnOnce()) -> Result<Response> {
        let Self { head, upload, progress, may_repeat } = self;
        let answer = answer(&head, upload, &progress, may_repeat, timeout, watch, waits).await;
        answer.inspect_err(|_| progress.abandon())
    }
}

async fn answer(
    head: &Head,
    upload: Upload,
    progress: &Progress,
    mut may_repeat: bool,
    timeout: Duration,
    watch: &mut Watch,
    waits: impl FnOnce(),
) -> Result<Response> {
    let began = Instant::now();
    let mut waits = Some(waits);
    let mut sending = std::pin::pin!(send(head.with(upload)?));
    loop {
        let pause = if waits.is_some() { BRIEF } else { WATCH };
        let is_young = waits.is_some();
        // It needs no timer of its own: this loop comes round often enough. A question that is open is heard to its end, because
        // it holds a database session.
        let refused = poll_fn(|cx| {
            let is_watched = !is_young && (!progress.is_over() || watch.is_asking());
            match is_watched.then(|| watch.poll_allowed(cx)) {
                Some(Poll::Ready(Err(error))) => Poll::Ready(error),
                _ => Poll::Pending,
            }
        });
        let pausing = std::pin::pin!(spin_sdk::time::sleep(pause));
        match select(sending.as_mut(), select(pausing, refused)).await {
            Either::Left((Ok(response), _)) if is_final(&response) => return Ok(response),
            Either::Left((Ok(response), _)) => {
                return Err(Error::upstream_unavailable(format!("the status {}", response.status().as_u16())));
            }
            // The host keeps connections, and the service may close one at the moment when a request goes out on it. Later it
            // is the service that has failed.
            Either::Left((Err(error), _)) if may_repeat && began.elapsed() < AT_ONCE && is_broken_off(&error) => {
                may_repeat = false;
                sending.set(send(head.with(Upload::repeated(progress))?));
            }
            Either::Left((Err(error), _)) => return Err(refusal(&error, progress)),
            Either::Right((Either::Right((error, _)), _)) => return Err(error),
            Either::Right((Either::Left(_), _)) => {
                if let Some(waits) = waits.take() {
                    waits();
                }
                if progress.is_too_large() {
                    return Err(Error::UploadTooLarge);
                }
                if progress.waits_for_service().is_some_and(|waited| waited > timeout) {
                    return Err(Error::UpstreamTimeout);
                }
            }
        }
    }
}

async fn send(request: Request) -> std::result::Result<Response, ErrorCode> {
    Response::from_response(client::send(request).await?)
}

/// Whether it has a status that ends a request and that there is: the host sends no other on.
fn is_final(response: &Response) -> bool {
    (200..600).contains(&response.status().as_u16())
}

fn is_broken_off(error: &ErrorCode) -> bool {
    matches!(error, ErrorCode::ConnectionTerminated | ErrorCode::HttpProtocolError | ErrorCode::HttpResponseIncomplete)
}

fn refusal(error: &ErrorCode, progress: &Progress) -> Error {
    if progress.is_too_large() {
        Error::UploadTooLarge
    } else if progress.is_broken() {
        INCOMPLETE
    } else {
        Error::upstream_unavailable(error)
    }
}
