//! A service behind, in the test process: it records what reaches it, and answers as the request says.
//!
//! What it does is the first segment of the path that names something, wherever the path begins:
//!
//! | Segment | Answer |
//! |---|---|
//! | `early` | 200, without reading the request's body |
//! | `never` | none, and the request's body is not read |
//! | `mirror` | the request's body, while it arrives |
//! | `slow-head/MS` | 200, after so many milliseconds |
//! | `slow-body/CHUNKS/MS` | 200, so many chunks of 1,000 bytes, so many milliseconds apart |
//! | `sse` | server-sent events `0`, `1`, and so on, ten a second, until the client is gone |
//! | `download/MIB` | 200 and [`Upstream::byte`]s, with `content-length` |
//! | `chunked` | 200 and 1,000 bytes without `content-length` |
//! | `die/length`, `die/chunked` | 200 and half of a body, then the connection breaks |
//! | `etag` | 200 or 304, as `if-none-match` says |
//! | `range` | 200 or 206 of 1,000 bytes, as `range` says |
//! | anything else | 200 and JSON of what was received: [`Received::json`] |
//!
//! A request's headers `x-answer-NAME` become headers of the answer, and `x-answer-status` its status; 204 and 304 have no body.

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Result;
use bytes::Bytes;
use futures::{Stream, StreamExt as _, stream};
use http::header::{CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, IF_NONE_MATCH, RANGE};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::time::sleep;

/// How much of a body is kept to be looked at.
const KEPT: usize = 64 * 1024;
/// What answers of no particular size have.
const SIZE: usize = 1000;
/// A chunk of a download.
const CHUNK: usize = 64 * 1024;
/// The segments that name something.
const NAMES: [&str; 11] =
    ["early", "never", "mirror", "slow-head", "slow-body", "sse", "download", "chunked", "die", "etag", "range"];

type Body = UnsyncBoxBody<Bytes, io::Error>;
type Answering = dyn Fn(&Received) -> Response<Bytes> + Send + Sync;

/// A request that has arrived.
#[derive(Clone, Debug, Default)]
pub struct Received {
    /// Its method.
    pub method: String,
    /// Its path and query, as sent.
    pub target: String,
    /// Its headers, in their order.
    pub headers: Vec<(String, String)>,
    /// The first 64 KiB of its body.
    pub body: Vec<u8>,
    /// How long its body was, in bytes, as far as it was read.
    pub length: u64,
    /// [`Upstream::sha256`] of its body; empty until it was read whole.
    pub sha256: String,
    /// Whether its body was read as far as it goes. It stays false when nobody reads it.
    pub is_over: bool,
    /// Whether its body arrived whole.
    pub is_whole: bool,
}

impl Received {
    /// The values of a header, in their order.
    pub fn header(&self, name: &str) -> Vec<&str> {
        self.headers.iter().filter(|(given, _)| given == name).map(|(_, value)| value.as_str()).collect()
    }

    /// What the answer to `echo` says.
    pub fn json(&self) -> Value {
        json!({
            "method": self.method,
            "target": self.target,
            "headers": self.headers,
            "body": String::from_utf8_lossy(&self.body),
            "length": self.length,
            "sha256": self.sha256,
        })
    }

    /// From what [`Received::json`] made of one; empty where it is none.
    pub fn from_json(json: &Value) -> Self {
        let text = |name: &str| json.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let headers = json.get("headers").cloned().and_then(|headers| serde_json::from_value(headers).ok());
        Self {
            method: text("method"),
            target: text("target"),
            headers: headers.unwrap_or_default(),
            body: text("body").into_bytes(),
            length: json.get("length").and_then(Value::as_u64).unwrap_or_default(),
            sha256: text("sha256"),
            is_over: true,
            is_whole: true,
        }
    }
}

/// A service behind. It ends when this is dropped, with its connections.
pub struct Upstream {
    address: SocketAddr,
    shared: Arc<Shared>,
    /// Its own, so that tests can share it: each test has a runtime that ends with it.
    runtime: Option<Runtime>,
}

#[derive(Default)]
struct Shared {
    received: Mutex<Vec<Received>>,
    open_streams: AtomicUsize,
    answering: Option<Box<Answering>>,
}

impl Upstream {
    /// One that answers as the path says.
    ///
    /// # Errors
    /// When there is no port.
    pub fn start() -> Result<Self> {
        Self::at((Ipv4Addr::LOCALHOST, 0).into())
    }

    /// One at this address, where there was one before.
    ///
    /// # Errors
    /// When the address is taken.
    pub fn at(address: SocketAddr) -> Result<Self> {
        Self::serve(address, Shared::default())
    }

    /// One that reads every request whole and answers as this says.
    ///
    /// # Errors
    /// When there is no port.
    pub fn answering(answering: impl Fn(&Received) -> Response<Bytes> + Send + Sync + 'static) -> Result<Self> {
        Self::serve(
            (Ipv4Addr::LOCALHOST, 0).into(),
            Shared { answering: Some(Box::new(answering)), ..Shared::default() },
        )
    }

    fn serve(address: SocketAddr, shared: Shared) -> Result<Self> {
        let listener = std::net::TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let shared = Arc::new(shared);
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let listener = {
            let _inside = runtime.enter();
            TcpListener::from_std(listener)?
        };
        runtime.spawn(accept(listener, Arc::clone(&shared)));
        Ok(Self { address, shared, runtime: Some(runtime) })
    }

    /// `http://HOST:PORT`.
    pub fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The origin of a service that is not there: connections to it are refused.
    ///
    /// # Errors
    /// When there is no port.
    pub fn nowhere() -> Result<String> {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        Ok(format!("http://{}", listener.local_addr()?))
    }

    /// The requests so far whose path and query contain this.
    pub fn received(&self, part: &str) -> Vec<Received> {
        self.shared.received().iter().filter(|received| received.target.contains(part)).cloned().collect()
    }

    /// How many streams of events it is writing.
    pub fn open_streams(&self) -> usize {
        self.shared.open_streams.load(Ordering::Relaxed)
    }

    /// SHA-256 of a body, in hexadecimal.
    pub fn sha256(body: &[u8]) -> String {
        hex(&Sha256::digest(body))
    }

    /// The byte at this place of a `download`.
    pub fn byte(at: u64) -> u8 {
        // Not a divisor of any chunk's size, so that a chunk that is lost or twice there shows.
        u8::try_from(at % 251).unwrap_or_default()
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // A runtime that is dropped waits, which no task of another may do.
            runtime.shutdown_background();
        }
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((stream, _)) = listener.accept().await {
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            let _ = stream.set_nodelay(true);
            let service = service_fn(move |request| {
                let shared = Arc::clone(&shared);
                async move { Ok::<_, Infallible>(shared.answer(request).await) }
            });
            // A connection that breaks is what some tests are about.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

impl Shared {
    fn received(&self) -> MutexGuard<'_, Vec<Received>> {
        self.received.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn answer(self: Arc<Self>, request: Request<Incoming>) -> Response<Body> {
        let (parts, body) = request.into_parts();
        let index = self.begin(&parts);
        if let Some(answering) = &self.answering {
            return answering(&self.read(index, body).await).map(full);
        }
        let mut segments = parts.uri.path().split('/').skip_while(|segment| !NAMES.contains(segment));
        let name = segments.next().unwrap_or_default();
        let rest: Vec<&str> = segments.collect();
        let answer = match name {
            "early" => Response::new(full("early")),
            "never" => {
                let _unread = body;
                std::future::pending().await
            }
            "mirror" => Response::new(body.map_err(io::Error::other).boxed_unsync()),
            _ => {
                let received = self.read(index, body).await;
                self.answer_to(name, &rest, &parts.headers, &received).await
            }
        };
        as_asked(answer, &parts.headers)
    }

    async fn answer_to(
        self: &Arc<Self>,
        name: &str,
        rest: &[&str],
        headers: &HeaderMap,
        received: &Received,
    ) -> Response<Body> {
        let number = |at: usize| rest.get(at).and_then(|text| text.parse().ok()).unwrap_or(1_u64);
        match name {
            "slow-head" => {
                sleep(Duration::from_millis(number(0))).await;
                Response::new(full("slow"))
            }
            "slow-body" => {
                let pause = Duration::from_millis(number(1));
                Response::new(streamed(stream::iter(0..number(0)).then(move |at| async move {
                    sleep(if at == 0 { Duration::ZERO } else { pause }).await;
                    Ok(pattern(SIZE))
                })))
            }
            "sse" => with(Response::new(self.events()), CONTENT_TYPE, "text/event-stream"),
            "download" => download(number(0)),
            "chunked" => Response::new(streamed(stream::iter([Ok(pattern(SIZE))]))),
            "die" => die(rest.first() == Some(&"length")),
            "etag" if headers.get(IF_NONE_MATCH).is_some_and(|etag| etag == "\"v1\"") => {
                with(status(StatusCode::NOT_MODIFIED), ETAG, "\"v1\"")
            }
            "etag" => with(Response::new(full("v1")), ETAG, "\"v1\""),
            "range" => range(headers),
            _ => with(Response::new(full(received.json().to_string())), CONTENT_TYPE, "application/json"),
        }
    }

    fn begin(&self, parts: &Parts) -> usize {
        let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let mut all = self.received();
        all.push(Received {
            method: parts.method.to_string(),
            target: parts.uri.to_string(),
            headers: parts.headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect(),
            ..Received::default()
        });
        all.len() - 1
    }

    /// Reads a body to its end, or as far as it goes.
    async fn read(&self, index: usize, mut body: Incoming) -> Received {
        let mut hash = Sha256::new();
        let mut is_whole = true;
        while let Some(frame) = body.frame().await {
            let Ok(frame) = frame else {
                is_whole = false;
                break;
            };
            let Some(data) = frame.data_ref() else { continue };
            hash.update(data);
            self.change(index, |received| {
                received.length += data.len() as u64;
                let room = KEPT.saturating_sub(received.body.len()).min(data.len());
                received.body.extend_from_slice(data.get(..room).unwrap_or_default());
            });
        }
        self.change(index, |received| {
            received.is_over = true;
            received.is_whole = is_whole;
            if is_whole {
                received.sha256 = hex(&hash.finalize());
            }
        });
        self.received().get(index).cloned().unwrap_or_default()
    }

    fn change(&self, index: usize, change: impl FnOnce(&mut Received)) {
        if let Some(received) = self.received().get_mut(index) {
            change(received);
        }
    }

    fn events(self: &Arc<Self>) -> Body {
        /// Counts itself.
        struct Open(Arc<Shared>);
        impl Drop for Open {
            fn drop(&mut self) {
                self.0.open_streams.fetch_sub(1, Ordering::Relaxed);
            }
        }
        self.open_streams.fetch_add(1, Ordering::Relaxed);
        streamed(stream::unfold((0_u64, Open(Arc::clone(self))), |(at, open)| async move {
            sleep(Duration::from_millis(if at == 0 { 0 } else { 100 })).await;
            Some((Ok(format!("data: {at}\n\n").into()), (at + 1, open)))
        }))
    }
}

fn hex(digest: &[u8]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The answer with what the request's `x-answer-` headers say.
fn as_asked(mut answer: Response<Body>, asked: &HeaderMap) -> Response<Body> {
    let mut headers = HeaderMap::new();
    for (name, value) in asked {
        match name.as_str().strip_prefix("x-answer-") {
            Some("status") => {
                if let Ok(status) = StatusCode::from_bytes(value.as_bytes()) {
                    *answer.status_mut() = status;
                }
            }
            Some(name) => {
                if let Ok(name) = HeaderName::from_bytes(name.as_bytes()) {
                    headers.append(name, value.clone());
                }
            }
            None => {}
        }
    }
    for name in headers.keys() {
        answer.headers_mut().remove(name);
    }
    for (name, value) in &headers {
        answer.headers_mut().append(name, value.clone());
    }
    if matches!(answer.status(), StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) {
        *answer.body_mut() = full("");
    }
    answer
}

fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).map_err(|never| match never {}).boxed_unsync()
}

fn streamed(chunks: impl Stream<Item = io::Result<Bytes>> + Send + 'static) -> Body {
    StreamBody::new(chunks.map(|chunk| chunk.map(Frame::data))).boxed_unsync()
}

fn status(status: StatusCode) -> Response<Body> {
    let mut answer = Response::new(full(""));
    *answer.status_mut() = status;
    answer
}

fn with<T>(mut answer: Response<Body>, name: HeaderName, value: T) -> Response<Body>
where
    HeaderValue: TryFrom<T>,
{
    if let Ok(value) = HeaderValue::try_from(value) {
        answer.headers_mut().insert(name, value);
    }
    answer
}

fn pattern(length: usize) -> Bytes {
    (0..length as u64).map(Upstream::byte).collect()
}

fn download(mebibytes: u64) -> Response<Body> {
    let length = mebibytes * 1024 * 1024;
    let chunks = (0..length / CHUNK as u64).map(|at| {
        let from = at * CHUNK as u64;
        Ok((from..from + CHUNK as u64).map(Upstream::byte).collect())
    });
    with(Response::new(streamed(stream::iter(chunks))), CONTENT_LENGTH, length)
}

fn die(says_its_length: bool) -> Response<Body> {
    let body = streamed(stream::iter([true, false]).then(|is_alive| async move {
        if is_alive {
            return Ok(pattern(SIZE));
        }
        // What was written has left by then, and nobody waits for the rest of it any more.
        sleep(Duration::from_millis(500)).await;
        Err(io::Error::other("the service dies"))
    }));
    let answer = Response::new(body);
    if says_its_length { with(answer, CONTENT_LENGTH, 2 * SIZE as u64) } else { answer }
}

fn range(headers: &HeaderMap) -> Response<Body> {
    let whole = pattern(SIZE);
    let asked = headers.get(RANGE).and_then(|range| range.to_str().ok()?.strip_prefix("bytes=")?.split_once('-'));
    let part = asked.and_then(|(from, to)| {
        let (from, to): (usize, usize) = (from.parse().ok()?, to.parse().ok()?);
        Some((from, to, whole.get(from..=to)?))
    });
    let Some((from, to, part)) = part else { return Response::new(full(whole)) };
    let mut answer = Response::new(full(part.to_vec()));
    *answer.status_mut() = StatusCode::PARTIAL_CONTENT;
    with(answer, CONTENT_RANGE, format!("bytes {from}-{to}/{SIZE}"))
}
