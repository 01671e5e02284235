//! A reverse proxy that does not pass the browser's `Host` on: as nginx, unless it is told to, and as Vite's development server with
//! `changeOrigin`.

use std::net::Ipv4Addr;

use anyhow::{Context as _, Result};
use http::header::HOST;
use http::uri::Authority;
use http::{HeaderValue, Request, Response, Uri};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{client, server};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};

/// Stands between a browser and a host, and changes the header `host` to that host's own and nothing else.
pub struct Proxy {
    port: u16,
}

impl Proxy {
    /// Before a host with this URL, for as long as the test runs.
    ///
    /// # Errors
    /// When no port is free.
    pub async fn before(url: &str) -> Result<Self> {
        let host = url.parse::<Uri>()?.authority().context("a URL without a host")?.clone();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let host = host.clone();
                let service = service_fn(move |request| pass(request, host.clone()));
                let connection = server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
                // A browser opens connections that it does not use, and breaks them.
                tokio::spawn(async move { connection.await.ok() });
            }
        });
        Ok(Self { port })
    }

    /// Where it listens, of 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }
}

async fn pass(mut request: Request<Incoming>, host: Authority) -> Result<Response<Incoming>> {
    let stream = TcpStream::connect(host.as_str()).await?;
    let (mut sender, connection) = client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    request.headers_mut().insert(HOST, HeaderValue::from_str(host.as_str())?);
    Ok(sender.send_request(request).await?)
}
