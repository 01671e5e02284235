//! How a request enters a component and how its answer leaves: the one place that gives every answer its request id, its
//! error shape, its headers and its log line.

use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use http::header::{
    CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, EXPECT, HeaderName, LOCATION, RETRY_AFTER, SET_COOKIE,
    WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderValue, Method, Request, StatusCode};
use http_body::Body as _;
use tower_service::Service as _;

use crate::body::{Upload, announces_body};
use crate::configuration::{self, Configuration};
use crate::cookies::Cookies;
use crate::error::{Error, ErrorBody, RateLimit};
use crate::json::Json;
use crate::log;
use crate::request::RequestLog;
use crate::routes::Routes;
use crate::slash::Paths;
use crate::variables::{Load, Problem, Variables};

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
// draft-ietf-httpapi-ratelimit-headers-07, which clients know best; later drafts pack them into one.
const RATELIMIT_LIMIT: HeaderName = HeaderName::from_static("ratelimit-limit");
const RATELIMIT_REMAINING: HeaderName = HeaderName::from_static("ratelimit-remaining");
const RATELIMIT_RESET: HeaderName = HeaderName::from_static("ratelimit-reset");

/// Marks an answer that is another service's: its status, its length and what it says of caching are left as they are.
#[derive(Clone, Copy, Debug)]
pub struct Forwarded;

/// The routes of a component.
#[derive(Clone)]
struct Table {
    router: Router,
    paths: Arc<Paths>,
}

impl Table {
    async fn answer(mut self, request: Request<Body>) -> Response {
        let redirect = self.paths.without_slash(request.uri());
        let answer = self.router.call(request).await.into_response();
        match redirect {
            // Nobody but the router says no more than that: below a proxied prefix it never does.
            Some(location) if answer.status() == StatusCode::NOT_FOUND && is_bare(&answer) => {
                (StatusCode::TEMPORARY_REDIRECT, [(LOCATION, location)]).into_response()
            }
            _ => answer,
        }
    }
}

/// A component instance: its routes, made when the first request arrives and kept for those that follow.
pub struct Instance<S: Load> {
    component: &'static str,
    routes: fn() -> Routes<S>,
    table: OnceLock<Table>,
    log_requests: OnceLock<bool>,
}

impl<S: Load> Instance<S> {
    /// The instance of the component of this name.
    pub const fn new(component: &'static str, routes: fn() -> Routes<S>) -> Self {
        Self { component, routes, table: OnceLock::new(), log_requests: OnceLock::new() }
    }

    /// Answers a request. Every failure is an answer too: an error out of the entry function would be an empty 500.
    pub async fn handle<B>(&self, request: Request<B>) -> Response
    where
        B: http_body::Body<Data = bytes::Bytes> + Send + 'static,
        B::Error: Into<axum::BoxError>,
    {
        let log = RequestLog::begin(&request);
        let asks_first = request.headers().contains_key(EXPECT);
        let (parts, body) = request.into_parts();
        let is_between_components = configuration::is_between_components(&parts);
        // Only over HTTP/2 could there be one that was not announced, and there it would mean nothing (RFC 9110, 9.3.1 and 9.3.2). To
        // find its end takes the host as long as a small answer.
        let is_bodiless = matches!(parts.method, Method::GET | Method::HEAD) && !announces_body(&parts.headers);
        let upload = Upload::new(if is_bodiless { Body::empty() } else { Body::new(body) });
        let mut request = Request::from_parts(parts, Body::new(upload.clone()));
        request.extensions_mut().insert(log.clone());

        let mut response = if is_between_components {
            self.answer_component(request.method(), request.uri().path()).await
        } else {
            match self.table().await {
                Ok(table) => table.answer(request).await,
                Err(problems) => Error::NotConfigured(problems).into_response(),
            }
        };
        let error = error_of(&mut response);
        if let Some(error) = &error {
            response = render(error, response, &log);
        }
        // A client that asked first, and was not told to go on, has sent nothing.
        let is_on_its_way = (upload.is_begun() || !asks_first) && !upload.is_end_stream();
        if is_on_its_way && is_forwarded(&response) {
            spin_sdk::wit_bindgen::spawn(upload.drain_when_left());
        } else if is_on_its_way && (error.is_some() || response.status() == StatusCode::TEMPORARY_REDIRECT) {
            upload.drain().await;
        }
        finish(&mut response, &log);
        // Readiness asks at every probe, and tells itself what it heard.
        if !is_between_components && self.logs_requests().await {
            log::write(&log.line(self.component, response.status().as_u16(), error.as_ref()));
        }
        response
    }

    /// The routes, which exist once the variables were read without a problem; until then each request tries again. Requests
    /// that arrive together may each make one, of which the first is kept: waiting for it would need a wake-up between tasks.
    async fn table(&self) -> Result<Table, Vec<Problem>> {
        if let Some(table) = self.table.get() {
            return Ok(table.clone());
        }
        let state = Variables::load::<S>().await?;
        let make = || {
            let (router, paths) = (self.routes)().into_parts();
            Table { router: router.with_state(state), paths: Arc::new(Paths::of(&paths)) }
        };
        Ok(self.table.get_or_init(make).clone())
    }

    /// Answers another component of the application, which may ask one thing only: see [`configuration`].
    async fn answer_component(&self, method: &Method, path: &str) -> Response {
        if method != Method::GET || path != configuration::PATH {
            return Error::RouteNotFound.into_response();
        }
        let problems = self.table().await.err().unwrap_or_default();
        Json(Configuration { problems }).into_response()
    }

    async fn logs_requests(&self) -> bool {
        if let Some(logs) = self.log_requests.get() {
            return *logs;
        }
        // Only a plain no is a no: a variable that cannot be read must not hide what goes wrong.
        let is_off = spin_sdk::variables::get("log_requests").await.is_ok_and(|value| value.trim() == "false");
        *self.log_requests.get_or_init(|| !is_off)
    }
}

/// The error that a handler or an extractor answered with, or what the router means by its bare 404 and 405.
fn error_of(response: &mut Response) -> Option<Error> {
    if is_forwarded(response) {
        return None;
    }
    response.extensions_mut().remove::<Error>().or(match response.status() {
        StatusCode::NOT_FOUND => Some(Error::RouteNotFound),
        StatusCode::METHOD_NOT_ALLOWED => Some(Error::MethodNotAllowed),
        _ => None,
    })
}

/// The error in the contract's shape, with the headers of the empty response that stood for it (`allow` on 405).
fn render(error: &Error, empty: Response, log: &RequestLog) -> Response {
    let body = ErrorBody { detail: error.detail(), code: error.code().to_owned(), request_id: log.id().to_owned() };
    let (mut parts, _) = empty.into_parts();
    parts.headers.remove(CONTENT_LENGTH);
    parts.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    match error {
        Error::Unauthenticated(..) => {
            parts.headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        Error::SignedOut(..) => {
            parts.headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            for cookie in log.cookies().into_iter().flat_map(Cookies::clear) {
                parts.headers.append(SET_COOKIE, cookie);
            }
        }
        Error::Unavailable(_) => {
            parts.headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        Error::RateLimited(RateLimit { limit, retry_after }) => {
            parts.headers.insert(RETRY_AFTER, (*retry_after).into());
            parts.headers.insert(RATELIMIT_LIMIT, (*limit).into());
            parts.headers.insert(RATELIMIT_REMAINING, 0.into());
            parts.headers.insert(RATELIMIT_RESET, (*retry_after).into());
        }
        _ => {}
    }
    // Texts, numbers and lists of them always serialise.
    Response::from_parts(parts, Body::from(serde_json::to_vec(&body).unwrap_or_default()))
}

/// The headers that every answer has.
fn finish(response: &mut Response, log: &RequestLog) {
    let is_forwarded = is_forwarded(response);
    let (status, length) = (response.status(), response.body().size_hint().exact());
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(log.id()) {
        headers.insert(X_REQUEST_ID, id);
    }
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if !is_forwarded && !headers.contains_key(CACHE_CONTROL) {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    // Without a length the host sends the end of the body as a packet of its own, which costs a keep-alive client 40 ms.
    match length {
        // The router gives them one.
        _ if matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) => {
            headers.remove(CONTENT_LENGTH);
        }
        // The router has taken the body off, and given the length if it knew one: without it, nobody does.
        Some(0) if log.is_head() && status.is_success() => {}
        Some(length) if !is_forwarded && !headers.contains_key(CONTENT_LENGTH) => {
            headers.insert(CONTENT_LENGTH, length.into());
        }
        _ => {}
    }
}

/// Whether it says nothing but its status.
fn is_bare(response: &Response) -> bool {
    !is_forwarded(response) && response.extensions().get::<Error>().is_none()
}

fn is_forwarded(response: &Response) -> bool {
    response.extensions().get::<Forwarded>().is_some()
}
