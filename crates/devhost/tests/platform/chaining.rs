//! Service chaining: calls of one component by another.

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::probe::{Application, Probe};

/// The probe, and the same again as `other`, which it may call; at `nobody` there is no component.
async fn start() -> Probe {
    let application = Application::default().route("/probe/...", "probe").route("/other/...", "other");
    application.allow("http://other.spin.internal").allow("http://nobody.spin.internal").start().await
}

async fn relay(probe: &Probe, url: &str) -> Value {
    probe.ask(&[("do", "relay"), ("url", url)]).await
}

/// Source: crates/trigger-http/src/outbound_http.rs:37 (a match that nobody looked for: the path is whole, whatever the
/// component's routes are) and crates/factor-outbound-http/src/wasi.rs:526 (`host` is removed).
#[tokio::test]
async fn a_component_is_called_by_its_name() {
    let probe = start().await;
    let said = |said: Value| json!({"status": 200, "said": said});
    assert_eq!(relay(&probe, "http://other.spin.internal/?do=component").await, said(json!("other")));
    let uri = "http://other.spin.internal/a%20b/?do=uri";
    assert_eq!(relay(&probe, uri).await, said(json!(uri)));
    assert_eq!(
        relay(&probe, "http://other.spin.internal/a%20b/?do=headers").await,
        said(json!([
            ["spin-path-info", "/a%20b/"],
            ["spin-full-url", "http://localhost/a%20b/?do=headers"],
            ["spin-matched-route", "/..."],
            ["spin-base-path", "/"],
            ["spin-raw-component-route", "/..."],
            ["spin-component-route", ""],
            ["spin-client-addr", "0.0.0.0:0"],
        ]))
    );
}

/// What this request is answered, if it is; and the address that it came from.
async fn ask(probe: &Probe, target: &str, headers: &str) -> (Option<Value>, String) {
    let mut socket = TcpStream::connect(probe.authority()).await.unwrap();
    let client = socket.local_addr().unwrap().to_string();
    let request = format!("GET {target} HTTP/1.1\r\n{headers}connection: close\r\n\r\n");
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    let _ = socket.read_to_string(&mut answer).await;
    (answer.split_once("\r\n\r\n").map(|(_, body)| serde_json::from_str(body).unwrap()), client)
}

/// Source: crates/trigger-http/src/headers.rs:83 (`strip_forbidden_headers`) and crates/trigger-http/src/server.rs:685
/// (`set_req_uri`: without the header, the authority of the target counts). So it can take the name of a component, and the
/// address that the host writes behind all others is what gives it away.
#[tokio::test]
async fn a_client_can_take_the_name_of_a_component_and_not_its_address() {
    let probe = start().await;
    let faked = "host: other.spin.internal\r\nspin-client-addr: 0.0.0.0:0\r\n";
    assert_eq!(ask(&probe, "/probe?do=uri", faked).await.0, None);
    let uri = "http://other.spin.internal/probe?do=uri";
    assert_eq!(ask(&probe, uri, faked).await.0, Some(json!(uri)));
    let (headers, client) = ask(&probe, "http://other.spin.internal/probe?do=headers", faked).await;
    let headers = headers.unwrap();
    let of = |name: &str| -> Vec<&Value> {
        headers.as_array().unwrap().iter().filter(|header| header[0] == name).map(|header| &header[1]).collect()
    };
    assert_eq!(of("spin-client-addr"), ["0.0.0.0:0", client.as_str()]);
    assert!(of("host").is_empty(), "{headers}");
    // The path decides who answers, as for every client.
    let component = ask(&probe, "http://other.spin.internal/probe?do=component", faked).await.0;
    assert_eq!(component, Some(json!("probe")));
}

/// Source: crates/factor-outbound-http/src/wasi.rs:500.
#[tokio::test]
async fn a_component_that_is_not_allowed_is_refused() {
    let probe = start().await;
    let denied = json!({"error": "ErrorCode::HttpRequestDenied"});
    assert_eq!(relay(&probe, "http://probe.spin.internal/?do=component").await, denied);
    assert_eq!(relay(&probe, "https://other.spin.internal/?do=component").await, denied);
}

/// Source: crates/trigger-http/src/server.rs:371 (`unknown routing destination`) and
/// crates/trigger-http/src/outbound_http.rs:43 (`HttpError::trap`).
#[tokio::test]
async fn a_call_of_a_component_that_is_not_there_is_a_trap() {
    let probe = start().await;
    let answer = probe.get("/probe?do=relay&url=http%3A%2F%2Fnobody.spin.internal%2F").await;
    assert_eq!((answer.status().as_u16(), answer.text().await.unwrap()), (500, String::new()));
    // Of a mere error the host says nothing of the kind.
    probe.logged("worker failed").await;
}

/// Source: crates/trigger-http/src/server.rs:460 (`internal_error`, here too).
#[tokio::test]
async fn an_error_or_a_trap_of_the_one_that_is_called_is_an_empty_500_to_the_caller() {
    let probe = start().await;
    for told in ["fail", "trap"] {
        let answer = relay(&probe, &format!("http://other.spin.internal/?do={told}")).await;
        assert_eq!(answer, json!({"status": 500, "said": ""}), "{told}");
    }
}
