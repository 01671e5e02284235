//! What a guest sees of a request, and what a client sees without a guest.

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::probe::Probe;

/// What the probe is given of a request, and the address that it came from.
async fn headers(probe: &Probe, path: &str, headers: &str) -> (Value, String) {
    let mut socket = TcpStream::connect(probe.authority()).await.unwrap();
    let client = socket.local_addr().unwrap().to_string();
    let request = format!("GET {path}?do=headers HTTP/1.1\r\n{headers}\r\n");
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    (serde_json::from_str(body).unwrap(), client)
}

/// Source: crates/trigger-http/src/headers.rs:96 (`prepare_request_headers`: the client's, then Spin's) and
/// crates/trigger-http/src/wasi.rs:46 (`HeaderMap::extend` appends).
#[tokio::test]
async fn the_hosts_headers_come_after_those_that_the_client_sends_under_their_names() {
    let probe = Probe::start().await;
    let sent = "host: desk.test:81\r\nspin-client-addr: 6.6.6.6:1\r\nspin-path-info: /evil\r\n\
                spin-path-match-id: 7\r\nx-name: 1\r\nx-name: 2\r\nconnection: close\r\n";
    let (seen, client) = headers(&probe, "/probe/a%20b/", sent).await;
    assert_eq!(
        seen,
        json!([
            ["host", "desk.test:81"],
            ["spin-client-addr", "6.6.6.6:1"],
            ["spin-client-addr", client],
            ["spin-path-info", "/evil"],
            ["spin-path-info", "/a%20b/"],
            ["spin-path-match-id", "7"],
            ["x-name", "1"],
            ["x-name", "2"],
            ["spin-full-url", "http://desk.test:81/probe/a%20b/?do=headers"],
            ["spin-matched-route", "/probe/..."],
            ["spin-base-path", "/"],
            ["spin-raw-component-route", "/probe/..."],
            ["spin-component-route", "/probe"],
        ])
    );
}

/// Source: crates/trigger-http/src/headers.rs:83 (`strip_forbidden_headers`). What it names stays, and so do the other
/// headers of the connection.
#[tokio::test]
async fn connection_is_removed_and_nothing_else() {
    let probe = Probe::start().await;
    let sent = "host: desk.test\r\nkeep-alive: 5\r\nte: trailers\r\nx-hop: 1\r\nconnection: close, x-hop\r\n";
    let (seen, _) = headers(&probe, "/probe", sent).await;
    let names: Vec<_> = seen.as_array().unwrap().iter().map(|header| header[0].as_str().unwrap()).collect();
    assert_eq!(names[..4], ["host", "keep-alive", "te", "x-hop"], "{names:?}");
    assert!(!names.contains(&"connection"), "{names:?}");
}

/// All that comes back for these bytes.
async fn answer(probe: &Probe, request: &[u8]) -> String {
    let mut socket = TcpStream::connect(probe.authority()).await.unwrap();
    socket.write_all(request).await.unwrap();
    let mut answer = Vec::new();
    // Whether the connection ends in order or is reset depends on what the kernel still had to read.
    let _ = socket.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

/// Source: crates/trigger-http/src/server.rs:352 (`set_req_uri`, whose error leaves hyper without an answer). The first two are what
/// HAProxy's and Nagios' checks send unless they are told a host.
#[tokio::test]
async fn a_request_without_a_host_gets_no_answer() {
    let probe = Probe::start().await;
    for request in [
        "OPTIONS /probe HTTP/1.0\r\n\r\n",
        "GET /probe?do=headers HTTP/1.0\r\nuser-agent: check_http/v2.3.3\r\nconnection: close\r\n\r\n",
        "GET /probe?do=headers HTTP/1.1\r\n\r\n",
        "GET /probe?do=headers HTTP/1.1\r\nhost:\r\n\r\n",
        "GET /probe?do=headers HTTP/1.1\r\nhost: a b\r\n\r\n",
    ] {
        assert_eq!(answer(&probe, request.as_bytes()).await, "", "{request}");
    }
}

/// Source: the same. The version of HTTP does not matter.
#[tokio::test]
async fn any_host_will_do() {
    let probe = Probe::start().await;
    for version in ["HTTP/1.0", "HTTP/1.1"] {
        for host in ["x", "127.0.0.1", "desk.test:81"] {
            let request = format!("GET /probe?do=headers {version}\r\nhost: {host}\r\nconnection: close\r\n\r\n");
            let answer = answer(&probe, request.as_bytes()).await;
            assert!(answer.starts_with(&format!("{version} 200 OK")), "{request}{answer}");
        }
    }
}

/// Source: crates/trigger-http/src/headers.rs:148 (`prepare_request_headers` reads every header as text). The guest is not reached.
#[tokio::test]
async fn a_header_that_is_not_utf_8_is_an_empty_500() {
    let probe = Probe::start().await;
    let request = |name: &str, value: &[u8]| {
        let head = format!("GET /probe?do=headers HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{name}: ");
        [head.as_bytes(), value, b"\r\n\r\n"].concat()
    };
    for name in ["x-name", "cookie", "authorization", "user-agent"] {
        let refused = answer(&probe, &request(name, b"caf\xe9")).await;
        assert!(refused.starts_with("HTTP/1.1 500 ") && refused.contains("content-length: 0\r\n"), "{name}: {refused}");
        assert!(refused.ends_with("\r\n\r\n"), "{name}: {refused}");
        let read = answer(&probe, &request(name, "caf\u{e9}".as_bytes())).await;
        assert!(read.starts_with("HTTP/1.1 200 "), "{name}: {read}");
    }
    probe.logged("Error processing request").await;
}

async fn assert_empty(probe: &Probe, path: &str, status: u16) {
    let answer = probe.get(path).await;
    assert_eq!(answer.status(), status, "{path}");
    let mut names: Vec<_> = answer.headers().keys().map(|name| name.as_str().to_owned()).collect();
    names.sort();
    assert_eq!(names, ["content-length", "date"], "{path}");
    assert_eq!(answer.text().await.unwrap(), "", "{path}");
}

/// Source: crates/trigger-http/src/server.rs:539 (`not_found`).
#[tokio::test]
async fn a_path_without_a_route_is_an_empty_404() {
    let probe = Probe::start().await;
    assert_empty(&probe, "/nothing", 404).await;
    assert_empty(&probe, "/.well-known/spin/nothing", 404).await;
}

/// Source: crates/trigger-http/src/server.rs:457 (an error is logged and becomes `internal_error` without a body).
#[tokio::test]
async fn an_error_or_a_trap_of_the_guest_is_an_empty_500() {
    let probe = Probe::start().await;
    assert_empty(&probe, "/probe?do=fail", 500).await;
    probe.logged("Error processing request").await;
    assert_empty(&probe, "/probe?do=trap", 500).await;
    probe.logged("worker failed").await;
}
