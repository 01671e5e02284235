//! Forward a request: check who asks and what for, send it on, and hand the answer back.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use axum::extract::{FromRequestParts, Request, State};
use axum::response::{IntoResponse as _, Response};
use frontdesk::access::SignedIn;
use frontdesk::db::Db;
use frontdesk::{Error, Forwarded, Result, announces_body, request_id_of};
use futures::future::{Either, select};
use http::header::{ALLOW, CONTENT_LENGTH};
use http::request::Parts;
use http::{HeaderValue, Method, StatusCode, Uri};
use spin_sdk::time::sleep;
use uuid::Uuid;

use crate::asked::Asked;
use crate::headers::{self, Caller};
use crate::may_use::MayUse;
use crate::outgoing::{BRIEF, Head, INCOMPLETE, Outgoing};
use crate::passage::Passage;
use crate::state::{Limit, Proxy};
use crate::store::Terms;
use crate::upload::{self, Upload};
use crate::watch::{Watch, Watched};

/// Up to how many bytes of body are waited for, so that head and body leave in one packet. Spin's sockets keep a
/// second packet back until the client has acknowledged the first, which clients put off by up to 40 ms (Nagle's algorithm and
/// delayed acknowledgements, RFC 1122, 4.2.3).
const SHORT: u64 = 64 * 1024;
const MIB: u64 = 1024 * 1024;
/// What multipart puts around a file of the largest size (API.md, section 1).
const WRAPPING: u64 = 64 * 1024;
/// How many groups are told (API.md, section 5).
const MAX_GROUPS: usize = 100;

/// A method that a service may get. TRACE is none: it asks for the request back, with what was added to it. Services may read a method
/// without its case.
pub(crate) struct Passes(());

impl<S: Sync> FromRequestParts<S> for Passes {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> std::result::Result<Self, Response> {
        const ALLOWED: &str = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";
        if ["TRACE", "TRACK", "CONNECT"].iter().any(|method| parts.method.as_str().eq_ignore_ascii_case(method)) {
            return Err(([(ALLOW, ALLOWED)], Error::MethodNotAllowed).into_response());
        }
        Ok(Self(()))
    }
}

pub(crate) async fn forward(
    _: Passes,
    MayUse { who, terms }: MayUse,
    State(proxy): State<Proxy>,
    request: Request,
) -> Result<Response> {
    let since = Instant::now();
    let target = proxy.mount().target(request.uri())?;
    let limit = limit(proxy.limit(), &terms);
    if headers::body_length(request.headers()).is_some_and(|length| length > limit) {
        return Err(Error::UploadTooLarge);
    }
    let is_head = request.method() == Method::HEAD;
    let db = proxy.app().db();
    let (mut asked, body) = request.into_parts();
    let (client, public) = (who.client(), proxy.app().public_origins());
    let urls = Asked::new(client.scheme(), client.called(), &asked.uri, &target, public)?;
    headers::map_resources(&mut asked.headers, proxy.mount(), &urls)?;
    let who = Arc::new(who);
    let watch_anew = || Watch::of(&who, &proxy, request_id_of(&asked), since);
    let mut watch = watch_anew();
    let outgoing = outgoing(&who, &terms, target, limit, (&asked, body), &mut watch, db).await?;
    let progress = outgoing.progress().clone();
    // A service may take its time: the connection to the database does not wait with it.
    let answer = outgoing.answer(proxy.timeout(), &mut watch, || db.release()).await?;
    let (parts, body) = answer.into_parts();
    let length = headers::body_length(&parts.headers);
    let short = match parts.status {
        StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED => Some(0),
        // One without a length must not get one of zero.
        _ if is_head => length.map(|_| 0),
        _ => length.filter(|length| *length <= SHORT),
    };
    let may_be_http_2 = proxy.mount().upstream.is_tls();
    let passage = Passage::new(body);
    let (body, is_whole) = if let Some(length) = short {
        // To HTTP/2 an answer whose end is not read is one that was given up.
        let expected = if may_be_http_2 { u64::MAX } else { length };
        let at_hand = passage.clone().at_hand(expected, BRIEF).await;
        at_hand.inspect_err(|_| progress.abandon()).map_err(Error::upstream_unavailable)?
    } else {
        (passage.clone().into_body(), false)
    };
    if !progress.is_over() {
        progress.watch(watch);
    }
    if !is_whole {
        // It may take hours.
        db.release();
    }
    let mut response = body.into_response();
    *response.status_mut() = parts.status;
    *response.headers_mut() = headers::for_client(parts.status, parts.headers, proxy.mount(), &urls);
    let extensions = response.extensions_mut();
    extensions.insert(Forwarded);
    // In HTTP/1.1 only a body of unknown length can have trailers, which do not pass: what may have some goes through our hands.
    if length.is_none() && short.is_none() {
        extensions.insert(Watched::new(watch_anew()));
    } else if short.is_none() && !may_be_http_2 {
        extensions.insert(passage);
    }
    Ok(response)
}

/// In bytes.
fn limit(limit: Limit, terms: &Terms) -> u64 {
    let mebibytes = match limit {
        Limit::Documents => terms.documents_limit,
        Limit::Mebibytes(number) => number,
    };
    u64::from(mebibytes) * MIB + WRAPPING
}

/// The request for the service behind.
async fn outgoing(
    who: &SignedIn,
    terms: &Terms,
    target: Uri,
    limit: u64,
    (parts, mut body): (&Parts, Body),
    watch: &mut Watch,
    db: &Db,
) -> Result<Outgoing> {
    let caller = Caller {
        id: who.user().id.to_string(),
        email: &who.user().email,
        role: who.user().role.name(),
        groups: terms.groups.get(..MAX_GROUPS).unwrap_or(&terms.groups),
        has_more_groups: terms.groups.len() > MAX_GROUPS,
        request_id: request_id_of(parts),
        ip: who.client().ip(),
        scheme: who.client().scheme(),
        called: who.client().called(),
        traceparent: headers::traceparent(&parts.headers, Uuid::new_v4(), Uuid::new_v4()),
    };
    let mut forwarded = headers::for_upstream(&parts.headers, &caller);
    let reads_only = matches!(parts.method, Method::GET | Method::HEAD);
    let has_body = announces_body(&parts.headers);
    // The host would send it on without its body.
    if reads_only && headers::is_chunked(&parts.headers) {
        return Err(Error::BadRequest("length_required", "The body of a GET must have a content-length"));
    }
    // HTTP/2 need not announce a body, so whether there is one is seen when it begins or ends.
    let is_asked = has_body || reads_only;
    let first = if is_asked {
        None
    } else {
        let mut first = pin!(upload::first_of(&mut body));
        let first = match select(first.as_mut(), pin!(sleep(BRIEF))).await {
            Either::Left((first, _)) => first,
            Either::Right(_) => {
                // A client may take its time.
                db.release();
                // Meanwhile it is asked whether it may still send: the whole body may come in one piece.
                match select(first, poll_fn(|cx| watch.poll_ended(cx))).await {
                    Either::Left((first, _)) => first,
                    Either::Right((error, _)) => return Err(error),
                }
            }
        };
        first.transpose().map_err(|_| INCOMPLETE)?
    };
    if !is_asked && first.is_none() {
        // Without it the host announces a chunked body.
        forwarded.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
    }
    let head = Head { method: parts.method.clone(), target, headers: forwarded };
    Ok(Outgoing::new(head, Upload::new(first, body, limit), reads_only && !has_body))
}
