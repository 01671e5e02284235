//! The documents proxy (API.md, section 5), with a service behind it in the test process.

mod authority;
mod browsers;
mod failures;
mod forwarded;
mod headers;
mod paths;
mod services;
mod sharing;
mod streams;
mod uploads;

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, TcpListener};

use e2e::{App, AppBuilder, Caller, Received, Upstream};
use reqwest::{Method, RequestBuilder};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::OnceCell;
use uuid::Uuid;

const MIB: usize = 1024 * 1024;

/// A Frontdesk and the service behind its documents.
struct Desk {
    app: App,
    upstream: Upstream,
}

impl Desk {
    async fn start(change: impl FnOnce(AppBuilder) -> AppBuilder) -> Self {
        let upstream = Upstream::start().unwrap();
        let app = change(App::builder().variable("documents_upstream", upstream.origin())).start().await.unwrap();
        Self { app, upstream }
    }

    /// The `HOST:PORT` of the app.
    fn address(&self) -> &str {
        self.app.url().trim_start_matches("http://")
    }
}

/// The one that the tests share.
async fn desk() -> &'static Desk {
    static DESK: OnceCell<Desk> = OnceCell::const_new();
    DESK.get_or_init(|| Desk::start(|app| app)).await
}

/// One that waits for an answer for a second only.
async fn impatient() -> &'static Desk {
    static DESK: OnceCell<Desk> = OnceCell::const_new();
    DESK.get_or_init(|| Desk::start(|app| app.variable("upstream_timeout", "1"))).await
}

/// A service that answers as no library would.
struct Scripted(String);

impl Scripted {
    /// `answer` is given the path of each request, and a connection ends after an answer that is `None`.
    fn start(answer: impl Fn(&str) -> Option<String> + Send + Sync + Clone + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            while let Ok((socket, _)) = listener.accept() {
                let answer = answer.clone();
                std::thread::spawn(move || converse(&socket, answer));
            }
        });
        Self(origin)
    }

    fn origin(&self) -> &str {
        &self.0
    }
}

fn converse(mut socket: &std::net::TcpStream, answer: impl Fn(&str) -> Option<String>) -> Option<()> {
    let mut lines = BufReader::new(socket).lines();
    loop {
        let first = lines.next()?.ok()?;
        while !lines.next()?.ok()?.is_empty() {}
        let answer = answer(first.split(' ').nth(1)?)?;
        socket.write_all(answer.as_bytes()).ok()?;
    }
}

/// A path segment by which a test knows its own requests.
fn unique() -> String {
    Uuid::new_v4().simple().to_string()
}

/// What arrived, of a request to a path that names nothing.
async fn echo(request: RequestBuilder) -> Received {
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 200);
    Received::from_json(&answer.json().await.unwrap())
}

/// A client that neither follows redirects nor normalises anything but the path.
fn plain() -> reqwest::Client {
    reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap()
}

fn request(desk: &Desk, caller: &Caller, method: Method, path: &str) -> RequestBuilder {
    plain().request(method, format!("{}/api/documents{path}", desk.app.url())).bearer_auth(&caller.token)
}

/// A connection on which a request was begun: its first line, then what else it says, each line with its end.
async fn begun(desk: &Desk, caller: &Caller, line: &str, headers: &str) -> TcpStream {
    let mut socket = TcpStream::connect(desk.address()).await.unwrap();
    let (host, token) = (desk.address(), &caller.token);
    let authorization = if token.is_empty() { String::new() } else { format!("authorization: Bearer {token}\r\n") };
    let head = format!("{line} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n{authorization}{headers}\r\n");
    socket.write_all(head.as_bytes()).await.unwrap();
    socket
}

/// The whole answer to a request that no client of a library would send.
async fn raw(desk: &Desk, caller: &Caller, line: &str, headers: &str) -> String {
    let mut socket = begun(desk, caller, line, headers).await;
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

/// The body of a raw answer that has a `content-length`.
fn body_of(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").map_or("", |(_, body)| body)
}

#[tokio::test]
async fn nobody_gets_through_without_a_token() {
    let desk = desk().await;
    let anonymous = desk.app.anonymous();
    let user = desk.app.user().await.unwrap();
    let key = unique();
    for caller in [&anonymous, &anonymous.with_token("eyJhbGciOiJub25lIn0.e30.")] {
        for method in [Method::GET, Method::POST, Method::OPTIONS, Method::DELETE] {
            let request = caller.request(method, &format!("/api/documents/{key}")).header("x-user-id", "1");
            let answer = caller.send(request).await.unwrap();
            assert_eq!(answer.status, 401);
            assert_eq!(answer.header("www-authenticate"), "Bearer");
        }
    }
    // Who is asking comes before what the path is.
    assert_eq!(anonymous.get("/api/documents/a%2f..").await.unwrap().status, 401);
    desk.app.database().execute("update users set is_active = false where email = $1", &user.email).await.unwrap();
    let answer = user.post(&format!("/api/documents/{key}"), &json!({})).await.unwrap();
    assert_eq!(answer.code(), "session_ended");
    assert_eq!(desk.upstream.received(&key).len(), 0);
}
