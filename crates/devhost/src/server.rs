//! The HTTP trigger: connections, routing, and answers where no component gives one.
//!
//! Mirrors Spin's crates/trigger-http/src/server.rs: HTTP/1.1 and HTTP/2 without TLS, no timeouts, no limit to a
//! request's body, Nagle's algorithm left on, no upgrades, and nothing is waited for when the process ends.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use tokio::net::{TcpListener, TcpStream};
use wasmtime_wasi_http::handler::{self, ErrorCode};
use wasmtime_wasi_http::p2::hyper_response_error;

use crate::routes::{RouteMatch, Router, WELL_KNOWN};
use crate::worker::Handlers;
use crate::{console, headers};

/// The body of an answer.
pub(crate) type Body = UnsyncBoxBody<Bytes, wasmtime::Error>;

/// What answers requests.
pub(crate) struct Server {
    /// Which component a path goes to.
    pub(crate) router: Router,
    /// The components, by name.
    pub(crate) handlers: Arc<Handlers>,
    /// What `/.well-known/spin/info` says.
    pub(crate) info: AppInfo,
}

/// The application, as it is told to anybody who asks.
#[derive(serde::Serialize)]
pub(crate) struct AppInfo {
    /// Its name.
    pub(crate) name: String,
    /// Its version, if it has one.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) version: String,
}

impl Server {
    /// Answers for ever.
    pub(crate) async fn run(self: Arc<Self>, listener: TcpListener) -> anyhow::Result<()> {
        loop {
            let (stream, client) = listener.accept().await?;
            let server = self.clone();
            // A connection that breaks is nobody's error but its client's.
            tokio::spawn(async move {
                let _ = server.serve(stream, client).await;
            });
        }
    }

    async fn serve(
        self: Arc<Self>,
        stream: TcpStream,
        client: SocketAddr,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let service = service_fn(move |request: Request<Incoming>| {
            let server = self.clone();
            async move { server.answer(request, client).await }
        });
        Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await
    }

    /// # Errors
    ///
    /// The request names no authority or two: the connection is closed without an answer.
    async fn answer(&self, mut request: Request<Incoming>, client: SocketAddr) -> anyhow::Result<Response<Body>> {
        headers::strip(&mut request);
        let path = request.uri().path().to_owned();
        if let Some(name) = path.strip_prefix(WELL_KNOWN) {
            return match name {
                "health" => Ok(Response::new(full("OK"))),
                "info" => self.info(),
                _ => Ok(empty(StatusCode::NOT_FOUND)),
            };
        }
        let Some(found) = self.router.find(&path) else { return Ok(empty(StatusCode::NOT_FOUND)) };
        let request =
            request.map(|body| body.map_err(|error| ErrorCode::P2(hyper_response_error(error))).boxed_unsync());
        dispatch(&self.handlers, &found, request, client).await
    }

    fn info(&self) -> anyhow::Result<Response<Body>> {
        let mut response = Response::new(full(serde_json::to_string_pretty(&self.info)?));
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        Ok(response)
    }
}

/// Has a component answer. That it fails is an answer too, an empty 500.
///
/// # Errors
///
/// The request names no authority or two, or there is no such component.
pub(crate) async fn dispatch(
    handlers: &Handlers,
    found: &RouteMatch<'_>,
    mut request: handler::Request,
    client: SocketAddr,
) -> anyhow::Result<Response<Body>> {
    headers::set_uri(&mut request)?;
    let component = &found.route.component;
    let handler = handlers.get(component).with_context(|| format!("there is no component {component}"))?;
    let answer = async {
        headers::append(&mut request, found, client)?;
        anyhow::Ok(handler.handle((), request).await?)
    };
    Ok(answer.await.unwrap_or_else(|error| {
        console::error(&format!("component {component}: Error processing request: {error:?}"));
        empty(StatusCode::INTERNAL_SERVER_ERROR)
    }))
}

fn full(text: impl Into<Bytes>) -> Body {
    Full::new(text.into()).map_err(|never| match never {}).boxed_unsync()
}

fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Empty::new().map_err(|never| match never {}).boxed_unsync());
    *response.status_mut() = status;
    response
}
