//! What every answer has in common (API.md, section 0).

use std::time::{Duration, Instant};

use e2e::{Answer, App, Caller};
use insta::assert_snapshot;
use reqwest::{Body, Method};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::app;

const MIB: usize = 1024 * 1024;
/// Less than a client takes to acknowledge the first packet of an answer (40 ms in Linux), for which the host's second one waits.
const ONE_PACKET: Duration = Duration::from_millis(30);

async fn post(content_type: &str, body: impl Into<Body>) -> Answer {
    let anonymous = app().await.anonymous();
    let request = anonymous.request(Method::POST, "/api/auth/register").header("content-type", content_type);
    anonymous.send(request.body(body)).await.unwrap()
}

#[tokio::test]
async fn every_answer_has_a_length_an_id_and_is_not_stored() {
    let user = app().await.user().await.unwrap();
    for path in ["/healthz", "/readyz", "/api/users/me", "/api/auth/login", "/nothing"] {
        let answer = user.get(path).await.unwrap();
        assert_eq!(answer.header("content-length"), answer.body.len().to_string(), "{path}");
        assert_eq!(answer.header("content-type"), "application/json", "{path}");
        assert_eq!(answer.header("cache-control"), "no-store", "{path}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert!(answer.header("x-request-id").parse::<uuid::Uuid>().is_ok(), "{path}");
    }
}

#[tokio::test]
async fn a_harmless_request_id_comes_back_and_any_other_is_replaced() {
    let anonymous = app().await.anonymous();
    let with_id = async |id: &str| {
        let request = anonymous.request(Method::GET, "/nothing").header("x-request-id", id);
        anonymous.send(request).await.unwrap()
    };
    let longest = "a".repeat(64);
    for id in ["a.B_c-9", &longest] {
        let answer = with_id(id).await;
        assert_eq!(answer.header("x-request-id"), id);
        assert_eq!(answer.json()["request_id"], json!(id));
    }
    for id in ["a b", "a\"b", &"a".repeat(65)] {
        let answer = with_id(id).await;
        assert!(answer.header("x-request-id").parse::<uuid::Uuid>().is_ok(), "{id}");
        assert_eq!(answer.json()["request_id"], json!(answer.header("x-request-id")));
    }
}

#[tokio::test]
async fn a_method_that_a_route_does_not_take_is_405_and_the_others_are_named() {
    let anonymous = app().await.anonymous();
    let answer = anonymous.get("/api/auth/login").await.unwrap();
    assert_snapshot!(answer, @r#"
    405 {
      "code": "method_not_allowed",
      "detail": "This route does not take this method",
      "request_id": "[uuid]"
    }
    "#);
    assert_eq!(answer.header("allow"), "POST");
    let answer = anonymous.send(anonymous.request(Method::DELETE, "/healthz")).await.unwrap();
    assert_eq!((answer.status.as_u16(), answer.header("allow")), (405, "GET,HEAD"));
}

#[tokio::test]
async fn head_is_get_without_the_body() {
    let anonymous = app().await.anonymous();
    let answer = anonymous.send(anonymous.request(Method::HEAD, "/healthz")).await.unwrap();
    assert_eq!((answer.status.as_u16(), answer.header("content-length"), answer.body.as_str()), (200, "15", ""));
}

#[tokio::test]
async fn a_body_over_the_limit_is_413_that_the_client_can_read() {
    let answer = post("application/json", vec![b'a'; 2 * MIB]).await;
    assert_snapshot!(answer, @r#"
    413 {
      "code": "body_too_large",
      "detail": "The body is too large",
      "request_id": "[uuid]"
    }
    "#);
    let chunks = (0..32).map(|_| Ok::<_, std::io::Error>(vec![b'a'; MIB / 16]));
    let chunked = post("application/json", Body::wrap_stream(futures::stream::iter(chunks))).await;
    assert_eq!(chunked.to_string(), answer.to_string());
    let whatever_it_claims_to_be = post("text/plain", vec![b'a'; 2 * MIB]).await;
    assert_eq!(whatever_it_claims_to_be.to_string(), answer.to_string());
}

#[tokio::test]
async fn a_refusal_leaves_in_one_packet_although_nobody_has_read_the_body() {
    let user = app().await.user().await.unwrap();
    for method in [Method::GET, Method::POST] {
        // A busy machine makes some of them late, and chance lets a few of two packets be in time.
        let mut attempts = Vec::new();
        while !attempts.iter().any(|times: &Vec<Duration>| times[7] < ONE_PACKET) {
            assert!(attempts.len() < 5, "{method} took {attempts:?}");
            attempts.push(refusals(&user, &method).await);
        }
    }
}

/// How long each of twenty refusals takes, in order.
async fn refusals(user: &Caller, method: &Method) -> Vec<Duration> {
    let mut times = Vec::new();
    for _ in 0..20 {
        let request = user.request(method.clone(), "/api/admin/users");
        let request = if method == Method::POST { request.json(&json!({ "email": "a@example.com" })) } else { request };
        let began = Instant::now();
        assert_eq!(user.send(request).await.unwrap().status, 403);
        times.push(began.elapsed());
    }
    times.sort();
    times
}

#[tokio::test]
async fn a_refusal_does_not_wait_for_the_body_which_is_read_on_for_the_next_request() {
    let (app, user) = (app().await, app().await.user().await.unwrap());
    let mut socket = TcpStream::connect(app.url().trim_start_matches("http://")).await.unwrap();
    let head = |length| {
        format!(
            "POST /api/admin/users HTTP/1.1\r\nhost: frontdesk\r\nauthorization: Bearer {}\r\n\
             content-type: application/json\r\ncontent-length: {length}\r\n\r\n",
            user.token
        )
    };
    let (begun, rest) = (vec![b' '; 100 * 1024], vec![b' '; 2 * MIB - 100 * 1024]);
    socket.write_all(head(2 * MIB).as_bytes()).await.unwrap();
    socket.write_all(&begun).await.unwrap();
    assert!(refusal(&mut socket).await.starts_with("HTTP/1.1 403 "));
    socket.write_all(&rest).await.unwrap();
    socket.write_all(head(0).as_bytes()).await.unwrap();
    assert!(refusal(&mut socket).await.starts_with("HTTP/1.1 403 "));
}

/// The next answer, which says that only administrators may do something.
async fn refusal(socket: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    while !answer.ends_with(b"}") {
        assert_ne!(socket.read_buf(&mut answer).await.unwrap(), 0, "{}", String::from_utf8_lossy(&answer));
    }
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn a_client_that_asks_first_is_not_made_to_send_what_is_refused() {
    use std::io::{Read as _, Write as _};
    let address = app().await.url().trim_start_matches("http://").to_owned();
    let answer = tokio::task::spawn_blocking(move || {
        let mut socket = std::net::TcpStream::connect(&address).unwrap();
        let head = format!(
            "POST /api/auth/register HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\n\
             content-length: 2000000\r\nexpect: 100-continue\r\nconnection: close\r\n\r\n"
        );
        socket.write_all(head.as_bytes()).unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).unwrap();
        answer
    });
    assert!(answer.await.unwrap().starts_with("HTTP/1.1 413 "));
}

#[tokio::test]
async fn a_body_of_exactly_the_limit_is_read() {
    let mut body = json!({"email": App::new_email(), "password": Caller::PASSWORD, "filler": ""}).to_string();
    let at = body.find("\"filler\":\"").unwrap() + "\"filler\":\"".len();
    body.insert_str(at, &"x".repeat(MIB - body.len()));
    assert_eq!(body.len(), MIB);
    assert_eq!(post("application/json", body.clone()).await.status, 201);
    assert_eq!(post("application/json", body + " ").await.status, 413);
}

#[tokio::test]
async fn broken_json_is_422_that_says_where() {
    assert_snapshot!(post("application/json", "{\"email\"").await, @r#"
    422 {
      "code": "validation_error",
      "detail": [
        {
          "loc": [
            "body",
            8
          ],
          "msg": "JSON decode error",
          "type": "json_invalid"
        }
      ],
      "request_id": "[uuid]"
    }
    "#);
}

#[tokio::test]
async fn another_content_type_is_415() {
    assert_snapshot!(post("text/plain", "{}").await, @r#"
    415 {
      "code": "unsupported_media_type",
      "detail": "The body is of a type that this route does not read",
      "request_id": "[uuid]"
    }
    "#);
    for content_type in ["application/x-www-form-urlencoded", "application/jsonx", "json", ""] {
        assert_eq!(post(content_type, "{}").await.status, 415, "{content_type:?}");
    }
    for content_type in ["application/json; charset=utf-8", "APPLICATION/JSON", "application/merge-patch+json"] {
        assert_eq!(post(content_type, "{}").await.status, 422, "{content_type:?}");
    }
}

#[tokio::test]
async fn each_request_is_one_json_line_in_the_log() {
    let app = app().await;
    let user = app.user().await.unwrap();
    let request = user.request(Method::GET, "/api/users/me?secret=1").header("x-request-id", &user.email[..32]);
    user.send(request).await.unwrap();
    let line = app.wait_for_log(&user.email[..32]).expect("a log line");
    assert!(!line.contains("secret"), "{line}");
    let line: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(line["component"], json!("users"));
    assert_eq!(line["http.path"], json!("/api/users/me"));
    assert_eq!(line["http.status"], json!(200));
    assert!(line["user.id"].is_string() && line["duration_ms"].is_number());
}
