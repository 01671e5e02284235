//! A plain HTTP/1.1 client for one connection to a host on this machine: what readiness, signing in and the load generator need.

use std::net::SocketAddr;

use anyhow::{Context as _, Result};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{AUTHORIZATION, HOST, HeaderValue};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// One keep-alive connection.
pub struct Connection {
    sender: SendRequest<Full<Bytes>>,
    address: SocketAddr,
}

/// An answer, read whole.
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its body.
    pub body: Bytes,
}

impl Answer {
    /// The body, for a message.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).trim().to_owned()
    }
}

impl Connection {
    /// Connects. Must be called on a tokio runtime, which carries the connection from then on.
    pub async fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await.with_context(|| format!("cannot connect to {address}"))?;
        // Otherwise small requests wait for the acknowledgement of the one before.
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(Self { sender, address })
    }

    /// A request without a body.
    pub fn get(&self, path: &str) -> Result<Request<Full<Bytes>>> {
        Ok(self.builder(Method::GET, path).body(Full::default())?)
    }

    /// A request with a bearer token and nothing else.
    pub fn call(&self, path: &str, token: &str) -> Result<Request<Full<Bytes>>> {
        let mut token = HeaderValue::from_str(&format!("Bearer {token}")).context("a token is no header value")?;
        token.set_sensitive(true);
        Ok(self.builder(Method::POST, path).header(AUTHORIZATION, token).body(Full::default())?)
    }

    fn builder(&self, method: Method, path: &str) -> hyper::http::request::Builder {
        Request::builder().method(method).uri(path).header(HOST, self.address.to_string())
    }

    /// Sends a request and reads the whole answer.
    pub async fn send(&mut self, request: Request<Full<Bytes>>) -> Result<Answer> {
        self.sender.ready().await?;
        let response = self.sender.send_request(request).await?;
        let status = response.status();
        let body = response.into_body().collect().await?.to_bytes();
        Ok(Answer { status, body })
    }
}
