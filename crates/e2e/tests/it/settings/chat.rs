//! /api/settings/ai/test: one call to an AI service that behaves, or does not.

use std::collections::VecDeque;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use e2e::Caller;
use futures::future::join;
use serde_json::{Value, json};

use super::{AI, API_KEY, configured, patch, start};

/// What the AI service does next.
enum Behaviour {
    /// Answers with these bytes, and closes.
    Answer(Vec<u8>),
    /// Sends these bytes, and leaves the connection open.
    Hang(Vec<u8>),
}

/// An AI service, which behaves as it is told.
struct AiService {
    url: String,
    next: Arc<Mutex<VecDeque<Behaviour>>>,
    requests: Arc<Mutex<Vec<String>>>,
}

impl AiService {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (next, requests) = (Arc::new(Mutex::new(VecDeque::new())), Arc::new(Mutex::new(Vec::new())));
        let service = Self { url, next: Arc::clone(&next), requests: Arc::clone(&requests) };
        thread::spawn(move || {
            let mut open = Vec::new();
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let request = read_request(&mut stream);
                requests.lock().unwrap().push(request);
                // Who has read enough may close before all is written.
                match next.lock().unwrap().pop_front().expect("one call more than was expected") {
                    Behaviour::Answer(bytes) => drop(stream.write_all(&bytes)),
                    Behaviour::Hang(bytes) => {
                        drop(stream.write_all(&bytes));
                        open.push(stream);
                    }
                }
            }
        });
        service
    }

    fn will(&self, behaviour: Behaviour) {
        self.next.lock().unwrap().push_back(behaviour);
    }

    fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

fn read_request(stream: &mut TcpStream) -> String {
    let mut request = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        let length = stream.read(&mut chunk).unwrap();
        request.extend_from_slice(&chunk[..length]);
        let text = String::from_utf8_lossy(&request).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            assert!(length > 0, "a request without an end: {text}");
            continue;
        };
        let lower = head.to_ascii_lowercase();
        let expected = lower.split("content-length: ").nth(1).and_then(|rest| rest.lines().next()?.trim().parse().ok());
        if length == 0 || body.len() >= expected.unwrap_or(0) {
            return text;
        }
    }
}

fn answer(head: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {head}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len()).into_bytes()
}

async fn try_ai(admin: &Caller) -> Value {
    let answer = admin.post(&format!("{AI}/test"), &json!({})).await.unwrap();
    assert_eq!(answer.status, 200, "{answer}");
    answer.json()
}

#[tokio::test]
async fn a_test_asks_the_ai_service_and_never_the_base_url() {
    let service = AiService::start();
    let app = configured().variable("ai_upstream", &service.url).start().await.unwrap();
    let admin = app.admin().await.unwrap();
    let set = json!({
        "provider": "custom", "model": "tiny", "base_url": "https://elsewhere.example", "api_key": API_KEY,
    });
    patch(&admin, set).await;
    service.will(Behaviour::Answer(answer("200 OK\r\ncontent-type: application/json", r#"{"content": "pong"}"#)));
    let outcome = try_ai(&admin).await;
    let (ok, provider, model) = (&outcome["ok"], &outcome["provider"], &outcome["model"]);
    assert_eq!((ok, provider, model), (&json!(true), &json!("custom"), &json!("tiny")), "{outcome}");
    assert!(outcome["latency_ms"].is_u64() && outcome.get("error").is_none(), "{outcome}");
    let requests = service.requests();
    assert_eq!(requests.len(), 1, "{requests:#?}");
    let (head, body) = requests[0].split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("POST /chat HTTP/1.1\r\n"), "{head}");
    assert!(!head.to_ascii_lowercase().contains("authorization"), "{head}");
    let body: Value = serde_json::from_str(body).unwrap();
    assert_eq!((&body["provider"], &body["model"]), (&json!("custom"), &json!("tiny")));
    for absent in ["elsewhere.example", API_KEY] {
        assert!(!requests[0].contains(absent), "{}", requests[0]);
    }
    assert_eq!(app.user().await.unwrap().post(&format!("{AI}/test"), &json!({})).await.unwrap().status, 403);
    app.stop().await.unwrap();
}

#[tokio::test]
async fn an_ai_service_that_fails_is_told_and_is_no_failure_of_ours() {
    let service = AiService::start();
    let app = configured().variable("ai_upstream", &service.url).start().await.unwrap();
    let admin = app.admin().await.unwrap();
    let huge = format!("\"{}\"", "x".repeat(1024 * 1024));
    let redirect = format!("302 Found\r\nlocation: {}/elsewhere", service.url);
    let unfinished = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{".to_vec();
    for (bytes, error) in [
        (answer("500 Internal Server Error", "{}"), "The AI service answered with status 500"),
        (answer("401 Unauthorized", "{}"), "The AI service answered with status 401"),
        (answer(&redirect, "{}"), "The AI service answered with a redirect, which is not followed"),
        (answer("200 OK", "<html>"), "The AI service's answer is not JSON"),
        (answer("200 OK", ""), "The AI service's answer is not JSON"),
        (answer("200 OK", &huge), "The AI service's answer is too large"),
        (unfinished, "The AI service broke off its answer"),
    ] {
        service.will(Behaviour::Answer(bytes));
        let outcome = try_ai(&admin).await;
        assert_eq!((&outcome["ok"], &outcome["error"]), (&json!(false), &json!(error)), "{outcome}");
        assert!(outcome["latency_ms"].is_u64(), "{outcome}");
    }
    for bytes in [b"".to_vec(), b"nonsense\r\n\r\n".to_vec()] {
        service.will(Behaviour::Answer(bytes));
        let outcome = try_ai(&admin).await;
        assert_eq!(outcome["ok"], json!(false), "{outcome}");
        assert!(!outcome.to_string().contains("127.0.0.1"), "{outcome}");
    }
    assert!(service.requests().iter().all(|request| request.starts_with("POST /chat ")), "{:#?}", service.requests());
    app.stop().await.unwrap();
}

#[tokio::test]
async fn an_ai_service_that_is_slow_is_given_ten_seconds() {
    let service = AiService::start();
    let app = configured().variable("ai_upstream", &service.url).start().await.unwrap();
    let admin = app.admin().await.unwrap();
    service.will(Behaviour::Hang(Vec::new()));
    service.will(Behaviour::Hang(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{".to_vec()));
    let started = Instant::now();
    let (silent, unfinished) = join(try_ai(&admin), try_ai(&admin)).await;
    let took = started.elapsed();
    assert!(took > Duration::from_secs(9) && took < Duration::from_secs(15), "{took:?}");
    for outcome in [silent, unfinished] {
        assert_eq!(outcome["ok"], json!(false), "{outcome}");
        assert_eq!(outcome["error"], json!("The AI service did not answer within 10 s"), "{outcome}");
    }
    app.stop().await.unwrap();
}

#[tokio::test]
async fn an_ai_service_that_is_away_or_not_configured_is_told() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let app = configured().variable("ai_upstream", format!("http://{address}")).start().await.unwrap();
    let away = try_ai(&app.admin().await.unwrap()).await;
    assert_eq!(away["ok"], json!(false), "{away}");
    assert!(!away.to_string().contains("127.0.0.1"), "{away}");
    app.stop().await.unwrap();

    let (app, admin) = start().await;
    let missing = try_ai(&admin).await;
    let (ok, error) = (&missing["ok"], &missing["error"]);
    assert_eq!((ok, error), (&json!(false), &json!("No AI service is configured")), "{missing}");
    app.stop().await.unwrap();
}
