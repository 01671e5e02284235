//! Forward a request: check who asks and what for, send it on, and hand the answer back.

use std::time::Duration;

use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use frontdesk::access::SignedIn;
use frontdesk::openapi::{Failures, SignedInRefusals};
use frontdesk::outbound::limits;
use frontdesk::{Client, Error, ErrorBody, Forwarded, Result, request_id_of};
use futures::future::{Either, select};
use http::header::CONTENT_LENGTH;
use http::uri::Authority;
use http::{HeaderValue, Method, Uri};
use spin_sdk::wasip3::http::types::ErrorCode;
use uuid::Uuid;

use crate::headers::{self, Caller};
use crate::passage::Passage;
use crate::path;
use crate::state::{Limit, Proxy};
use crate::store::{self, Terms};
use crate::upload::{self, Progress, Upload};

/// How long the service may take to accept a connection; 502 is to come within 5 s (API.md, section 5).
const CONNECT_TIMEOUT: Duration = Duration::from_secs(4);
/// The host's own limits, which count the upload too, and the silence between two events of a stream.
const UNLIMITED: Duration = Duration::from_secs(24 * 3600);
/// How often a request that waits for its answer is looked after.
const WATCH: Duration = Duration::from_millis(200);

const MIB: u64 = 1024 * 1024;
/// What multipart puts around a file of the largest size (API.md, section 1).
const WRAPPING: u64 = 64 * 1024;
/// The client went away while it was sending.
const INCOMPLETE: Error = Error::BadRequest("incomplete_body", "The body did not arrive whole");
/// How many groups are told (API.md, section 5).
const MAX_GROUPS: usize = 100;

/// The operations of the document, which all are [`forward`].
macro_rules! operation {
    ($name:ident, $method:ident, $path:literal, $id:literal $(, $params:tt)?) => {
        #[utoipa::path($method, path = $path, tag = "documents", operation_id = $id, security(("bearer" = [])),
            $(params $params,)?
            responses((status = "default", description = "What the documents service answers."), SignedInRefusals, Failures,
                (status = 400, body = ErrorBody, description = "`bad_path`."),
                (status = 413, body = ErrorBody, description = "`upload_too_large`."),
                (status = 502, body = ErrorBody, description = "`upstream_unavailable`."),
                (status = 504, body = ErrorBody, description = "`upstream_timeout`.")))]
        pub(crate) async fn $name(who: SignedIn, client: Client, state: State<Proxy>, request: Request) -> Result<Response> {
            forward(who, client, state, request).await
        }
    };
}

operation!(get, get, "/api/documents/{path}", "documents.get", (("path" = String, Path, description = "Any path.")));
operation!(post, post, "/api/documents/{path}", "documents.post", (("path" = String, Path, description = "Any path.")));
operation!(put, put, "/api/documents/{path}", "documents.put", (("path" = String, Path, description = "Any path.")));
operation!(
    patch,
    patch,
    "/api/documents/{path}",
    "documents.patch",
    (("path" = String, Path, description = "Any path."))
);
operation!(
    delete,
    delete,
    "/api/documents/{path}",
    "documents.delete",
    (("path" = String, Path, description = "Any path."))
);
operation!(get_root, get, "/api/documents", "documents.get_root");
operation!(post_root, post, "/api/documents", "documents.post_root");

pub(crate) async fn forward(
    who: SignedIn,
    client: Client,
    State(proxy): State<Proxy>,
    request: Request,
) -> Result<Response> {
    let target = target(&proxy, request.uri())?;
    let terms = store::find_terms(proxy.app().db(), who.user().id).await?;
    // The answer may stream for hours.
    proxy.app().db().release();
    let limit = limit(proxy.limit(), &terms);
    if headers::content_length(request.headers()).is_some_and(|length| length > limit) {
        return Err(Error::UploadTooLarge);
    }
    let (outgoing, progress) = outgoing(&who, &client, &terms, target, limit, request).await?;
    let answer = answer(outgoing, &progress, proxy.timeout()).await.inspect_err(|_| progress.abandon())?;
    let (parts, body) = answer.into_parts();
    // Only a body of unknown length can have trailers, which do not pass: that one goes through our hands.
    let is_sized = headers::content_length(&parts.headers).is_some();
    let passage = Passage::new(body);
    let mut response = passage.clone().into_body().into_response();
    *response.status_mut() = parts.status;
    *response.headers_mut() = headers::for_client(parts.headers);
    if is_sized {
        response.extensions_mut().insert(passage);
    }
    response.extensions_mut().insert(Forwarded);
    Ok(response)
}

/// The URL behind that a URL of ours means.
fn target(proxy: &Proxy, uri: &Uri) -> Result<Uri> {
    let rest = path::below(proxy.prefix(), uri.path()).ok_or(Error::RouteNotFound)?;
    path::check(rest).map_err(|_| Error::BadRequest("bad_path", "The path must not lead elsewhere"))?;
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    let target = proxy.upstream().url(&format!("{}{rest}{query}", proxy.upstream_path()));
    target.map_err(|_| Error::BadRequest("bad_path", "The path is malformed"))
}

/// In bytes.
fn limit(limit: Limit, terms: &Terms) -> u64 {
    let mebibytes = match limit {
        Limit::Documents => u64::try_from(terms.documents_limit).unwrap_or_default(),
        Limit::Mebibytes(number) => number.into(),
    };
    mebibytes * MIB + WRAPPING
}

/// The request for the service behind.
async fn outgoing(
    who: &SignedIn,
    client: &Client,
    terms: &Terms,
    target: Uri,
    limit: u64,
    request: Request,
) -> Result<(http::Request<Upload>, Progress)> {
    let (parts, mut body) = request.into_parts();
    let caller = Caller {
        id: who.user().id.to_string(),
        email: &who.user().email,
        role: who.user().role.name(),
        groups: terms.groups.get(..MAX_GROUPS).unwrap_or(&terms.groups),
        has_more_groups: terms.groups.len() > MAX_GROUPS,
        request_id: request_id_of(&parts),
        ip: client.ip.as_deref(),
        // HTTP/2 has no `host`; the host gives every URL an authority.
        host: parts.uri.authority().map_or("", Authority::as_str),
        traceparent: headers::traceparent(&parts.headers, Uuid::new_v4(), Uuid::new_v4()),
    };
    let mut forwarded = headers::for_upstream(&parts.headers, &caller);
    let is_sized = headers::announces_body(&parts.headers) || matches!(parts.method, Method::GET | Method::HEAD);
    // HTTP/2 need not announce a body, so whether there is one is seen when it begins or ends.
    let first = if is_sized { None } else { upload::first_of(&mut body).await.transpose().map_err(|_| INCOMPLETE)? };
    if !is_sized && first.is_none() {
        // Without it the host announces a chunked body.
        forwarded.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
    }
    let (upload, progress) = Upload::new(first, body, limit);
    let mut outgoing = http::Request::new(upload);
    *outgoing.method_mut() = parts.method;
    *outgoing.uri_mut() = target;
    *outgoing.headers_mut() = forwarded;
    outgoing.extensions_mut().insert(limits(CONNECT_TIMEOUT, UNLIMITED)?);
    Ok((outgoing, progress))
}

/// The answer's head. The time limit is for the service: it does not run while the client is to send something.
async fn answer(
    request: http::Request<Upload>,
    progress: &Progress,
    timeout: Duration,
) -> Result<spin_sdk::http::Response> {
    let mut sending = std::pin::pin!(spin_sdk::http::send(request));
    loop {
        match select(sending.as_mut(), std::pin::pin!(spin_sdk::time::sleep(WATCH))).await {
            Either::Left((Ok(response), _)) => return Ok(response),
            Either::Left((Err(error), _)) => return Err(refusal(&error, progress)),
            Either::Right(_) if progress.is_too_large() => return Err(Error::UploadTooLarge),
            Either::Right(_) if progress.waits_for_service().is_some_and(|waited| waited > timeout) => {
                return Err(Error::UpstreamTimeout);
            }
            Either::Right(_) => {}
        }
    }
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
