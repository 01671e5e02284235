//! Service chaining: a component calls another one of its application, `http://<component>.spin.internal`, without a connection.
//!
//! Mirrors Spin's crates/trigger-http/src/outbound_http.rs: the other component sees the path as it is, no `host` and no client,
//! and the caller sees an empty 500 of one that fails. To call a component that is not there, or that has no route, is a trap.
//! The guest's time limits do not hold for such a call.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, OnceLock};

use anyhow::Context;
use bytes::Bytes;
use http::header::HOST;
use http::{Request, Response};
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;
use wasmtime_wasi_http::p3::bindings::http::types::ErrorCode;

use crate::routes::{Route, RouteMatch};
use crate::server;
use crate::worker::Handlers;

/// What stands for the address of a client.
const CLIENT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

/// A body of WASI 0.3.
type Body = UnsyncBoxBody<Bytes, ErrorCode>;

/// The way to the components of the HTTP trigger, which each of them has.
#[derive(Clone, Default)]
pub(crate) struct Chaining(Arc<OnceLock<Arc<Handlers>>>);

impl Chaining {
    /// Opens the way, once the components are there. A second call changes nothing.
    pub(crate) fn complete(&self, handlers: Arc<Handlers>) {
        let _ = self.0.set(handlers);
    }

    /// Has `component` answer.
    ///
    /// # Errors
    ///
    /// There is no such component, or none yet.
    pub(crate) async fn call(&self, component: &str, mut request: Request<Body>) -> anyhow::Result<Response<Body>> {
        let handlers = self.0.get().context("the components are not there yet")?;
        // The URI names the component; Spin's outbound side removes the header before anybody sees it.
        request.headers_mut().remove(HOST);
        let (route, path) = (Route::chained(component), request.uri().path().to_owned());
        let request = request.map(|body| body.map_err(Into::into).boxed_unsync());
        let response = server::dispatch(handlers, &RouteMatch::chained(&route, &path), request, CLIENT).await?;
        Ok(response.map(|body| body.map_err(error_code).boxed_unsync()))
    }
}

fn error_code(error: wasmtime::Error) -> ErrorCode {
    error.downcast().unwrap_or_else(|error| ErrorCode::InternalError(Some(error.to_string())))
}
