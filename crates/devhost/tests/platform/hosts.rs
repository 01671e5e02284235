//! `allowed_outbound_hosts`.

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::probe::{Application, Probe};

/// Answers every request with an empty 200: its port.
async fn upstream() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let _ = client.read(&mut [0; 4096]).await;
            let _ = client.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").await;
        }
    });
    port
}

async fn fetch(probe: &Probe, url: &str) -> Value {
    probe.ask(&[("do", "fetch"), ("url", url)]).await
}

async fn open(probe: &Probe, address: &str) -> String {
    let answer = probe.ask(&[("do", "query"), ("address", address)]).await;
    answer["not opened"].as_str().unwrap_or("opened").to_owned()
}

fn denied() -> Value {
    json!({"error": "ErrorCode::HttpRequestDenied"})
}

/// Source: crates/factor-outbound-http/src/wasi.rs:499 and crates/runtime-factors/src/lib.rs:85 (the warning). A name is
/// not looked up: crates/outbound-networking-config/src/allowed_hosts.rs.
#[tokio::test]
async fn a_host_that_is_not_allowed_is_refused() {
    let (allowed, other) = (upstream().await, upstream().await);
    let probe = Application::default().allow(format!("http://127.0.0.1:{allowed}")).start().await;
    assert_eq!(fetch(&probe, &format!("http://127.0.0.1:{allowed}/")).await, json!({"status": 200}));
    assert_eq!(fetch(&probe, &format!("http://127.0.0.1:{other}/")).await, denied());
    assert_eq!(fetch(&probe, &format!("https://127.0.0.1:{allowed}/")).await, denied());
    assert_eq!(fetch(&probe, &format!("http://localhost:{allowed}/")).await, denied());
    probe.logged(&format!("disallowed destination 'http://127.0.0.1:{other}'")).await;
}

/// Source: crates/factor-outbound-pg/src/allowed_hosts.rs:58.
#[tokio::test]
async fn a_postgres_that_is_not_allowed_is_refused() {
    let probe = Application::default().allow("postgres://127.0.0.1:1").start().await;
    let refused = open(&probe, "postgres://user@127.0.0.1:2/name?sslmode=disable").await;
    assert!(refused.contains("ConnectionFailed(\"address postgres://127.0.0.1:2 is not permitted\")"), "{refused}");
    let allowed = open(&probe, "postgres://user@127.0.0.1:1/name?sslmode=disable").await;
    assert!(allowed.contains("ConnectionFailed(") && !allowed.contains("not permitted"), "{allowed}");
}

/// Source: crates/outbound-networking-config/src/allowed_hosts.rs:447 (the first entry that does not parse is the result
/// of the list) and crates/factor-outbound-http/src/wasi.rs:497 (which is as good as a no).
#[tokio::test]
async fn a_template_that_does_not_parse_denies_every_host() {
    let port = upstream().await;
    let application = Application::default().allow(format!("http://127.0.0.1:{port}")).allow("{{ broken }}");
    let probe = application.allow("postgres://127.0.0.1:1").variable("broken", "127.0.0.1 and more").start().await;
    assert_eq!(fetch(&probe, &format!("http://127.0.0.1:{port}/")).await, denied());
    let refused = open(&probe, "postgres://user@127.0.0.1:1/name?sslmode=disable").await;
    assert!(refused.contains("Other("), "{refused}");
}

/// Source: crates/outbound-networking-config/src/allowed_hosts.rs:483 (`parse_or_skip`).
#[tokio::test]
async fn a_template_that_comes_out_empty_is_left_out() {
    let port = upstream().await;
    let application = Application::default().allow("{{ absent }}").allow("{{ upstream }}").variable("absent", "");
    let probe = application.variable("upstream", format!("http://127.0.0.1:{port}")).start().await;
    assert_eq!(fetch(&probe, &format!("http://127.0.0.1:{port}/")).await, json!({"status": 200}));
}
