//! How requests leave the host: as in Spin (crates/factor-outbound-http/src/wasi.rs) through hyper-util's client, which keeps one
//! pool of connections for the whole application and gives an answer that comes before the request was read whole.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, Uri};
use http_body_util::BodyExt as _;
use http_body_util::combinators::UnsyncBoxBody;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tower_http::timeout::{TimeoutBody, TimeoutError};
use tower_service::Service;
use wasmtime_wasi_http::p2::hyper_request_error;
use wasmtime_wasi_http::p3::RequestOptions;
use wasmtime_wasi_http::p3::bindings::http::types::{DnsErrorPayload, ErrorCode};

/// A body of WASI 0.3.
pub(crate) type Body = UnsyncBoxBody<Bytes, ErrorCode>;

/// What Spin takes for a timeout that the guest does not set.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(600);

tokio::task_local! {
    /// How long the request that opens a connection waits for it. Hyper-util's client takes no such thing per request.
    static CONNECT_TIMEOUT: Duration;
}

/// The way out; cheap to clone.
#[derive(Clone)]
pub(crate) struct Client(legacy::Client<HttpsConnector<Connector>, Body>);

impl Client {
    /// One with a pool of its own, that trusts the authorities that Mozilla trusts.
    pub(crate) fn new() -> Self {
        let connector = HttpsConnectorBuilder::new().with_webpki_roots().https_or_http().enable_all_versions();
        Self(legacy::Client::builder(TokioExecutor::new()).build(connector.wrap_connector(Connector)))
    }

    /// Sends a request.
    ///
    /// # Errors
    ///
    /// No answer within the guest's limits, or none at all.
    pub(crate) async fn send(
        &self,
        mut request: Request<Body>,
        options: Option<RequestOptions>,
    ) -> Result<Response<Body>, ErrorCode> {
        let limit =
            |choose: fn(RequestOptions) -> Option<Duration>| options.and_then(choose).unwrap_or(DEFAULT_TIMEOUT);
        // Hyper writes one that fits the URL.
        request.headers_mut().remove(http::header::HOST);
        let sending = CONNECT_TIMEOUT.scope(limit(|options| options.connect_timeout), self.0.request(request));
        // It runs from the connection on and over the upload, up to the head of the answer.
        let response = tokio::time::timeout(limit(|options| options.first_byte_timeout), sending)
            .await
            .map_err(|_| ErrorCode::ConnectionReadTimeout)?
            .map_err(|error| request_error(&error))?;
        let between_bytes = limit(|options| options.between_bytes_timeout);
        Ok(response.map(|body| TimeoutBody::new(between_bytes, body).map_err(body_error).boxed_unsync()))
    }
}

/// What the connection said, or what the guest's own body did.
fn request_error(error: &legacy::Error) -> ErrorCode {
    let code = std::error::Error::source(error).and_then(|cause| cause.downcast_ref::<ErrorCode>());
    code.cloned().unwrap_or(ErrorCode::HttpProtocolError)
}

fn body_error(error: Box<dyn std::error::Error + Send + Sync>) -> ErrorCode {
    if error.is::<TimeoutError>() {
        return ErrorCode::ConnectionReadTimeout;
    }
    error.downcast::<hyper::Error>().map_or(ErrorCode::HttpProtocolError, |error| hyper_request_error(*error).into())
}

/// Opens connections.
#[derive(Clone)]
struct Connector;

impl Service<Uri> for Connector {
    type Response = TokioIo<TcpStream>;
    type Error = ErrorCode;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, ErrorCode>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ErrorCode>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let timeout = CONNECT_TIMEOUT.try_with(|timeout| *timeout).unwrap_or(DEFAULT_TIMEOUT);
        Box::pin(async move {
            let stream = tokio::time::timeout(timeout, connect(&uri)).await;
            Ok(TokioIo::new(stream.map_err(|_| ErrorCode::ConnectionTimeout)??))
        })
    }
}

async fn connect(uri: &Uri) -> Result<TcpStream, ErrorCode> {
    let authority = uri.authority().ok_or(ErrorCode::HttpRequestUriInvalid)?;
    let host = authority.host().trim_start_matches('[').trim_end_matches(']');
    let port = authority.port_u16().unwrap_or(if uri.scheme_str() == Some("https") { 443 } else { 80 });
    let addresses: Vec<_> = tokio::net::lookup_host((host, port)).await.map_err(|_| unknown_host())?.collect();
    TcpStream::connect(&*addresses).await.map_err(|error| match error.kind() {
        std::io::ErrorKind::AddrNotAvailable => unknown_host(),
        _ => ErrorCode::ConnectionRefused,
    })
}

fn unknown_host() -> ErrorCode {
    ErrorCode::DnsError(DnsErrorPayload { rcode: Some("address not available".to_owned()), info_code: Some(0) })
}
