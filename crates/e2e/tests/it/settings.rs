//! What administrators set. There is one row of each kind, so every test has a host and a database of its own.

use std::collections::VecDeque;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use e2e::{Answer, App, AppBuilder, Caller, Host};
use futures::future::join;
use insta::assert_snapshot;
use reqwest::Method;
use serde_json::{Value, json};

const AI: &str = "/api/settings/ai";
const LIMITS: &str = "/api/settings/documents/limits";
const SERVICE_TOKEN: &str = AppBuilder::SERVICE_TOKEN;
const API_KEY: &str = "sk-canary-7f3a9d-wxyz";

/// 32 bytes in base64url: all the letters are this one.
fn settings_key(letter: &str) -> String {
    // The last letter holds four bits that count and two that must be zero.
    format!("{}A", letter.repeat(42))
}

fn configured() -> AppBuilder {
    App::builder().variable("settings_key", settings_key("a"))
}

async fn start() -> (App, Caller) {
    let app = configured().start().await.unwrap();
    let admin = app.admin().await.unwrap();
    (app, admin)
}

async fn patch(admin: &Caller, body: Value) -> Value {
    let answer = admin.patch(AI, &body).await.unwrap();
    assert_eq!(answer.status, 200, "{answer}");
    answer.json()
}

/// What a service is told.
async fn export(caller: &Caller, name: &str) -> Answer {
    caller.with_token(SERVICE_TOKEN).get(&format!("/internal/settings/{name}")).await.unwrap()
}

#[tokio::test]
async fn administrators_set_the_ai_provider_and_do_not_see_the_key_again() {
    let (app, admin) = start().await;
    assert_snapshot!(admin.get(AI).await.unwrap(), @r#"
    200 {
      "api_key_hint": null,
      "api_key_set": false,
      "base_url": null,
      "model": null,
      "provider": "openai",
      "updated_at": "[time]",
      "updated_by": null
    }
    "#);
    let body = json!({
        "provider": "anthropic",
        "model": " claude ",
        "base_url": "https://api.anthropic.com/v1",
        "api_key": format!(" {API_KEY}\n"),
        "api_key_set": false,
        "unknown": 1,
    });
    let changed = admin.patch(AI, &body).await.unwrap();
    assert_snapshot!(changed, @r#"
    200 {
      "api_key_hint": "…wxyz",
      "api_key_set": true,
      "base_url": "https://api.anthropic.com/v1",
      "model": "claude",
      "provider": "anthropic",
      "updated_at": "[time]",
      "updated_by": "[uuid]"
    }
    "#);
    assert_eq!(changed.json()["updated_by"], json!(admin.id().await.unwrap()));
    assert_eq!(admin.get(AI).await.unwrap().json(), changed.json());
    app.stop().await.unwrap();
}

#[tokio::test]
async fn a_patch_changes_what_it_names_and_null_clears() {
    let (app, admin) = start().await;
    let first = patch(&admin, json!({"model": "gpt", "base_url": "https://ai.example", "api_key": API_KEY})).await;
    let other = app.admin().await.unwrap();
    for nothing in [
        json!({}),
        json!({"provider": "openai", "model": "gpt", "base_url": "https://ai.example"}),
        json!({"api_key_set": true}),
    ] {
        assert_eq!(patch(&other, nothing.clone()).await, first, "{nothing}");
    }
    let second = patch(&other, json!({"model": null})).await;
    assert_eq!((&second["model"], &second["base_url"]), (&Value::Null, &first["base_url"]));
    assert_eq!((&second["api_key_set"], &second["api_key_hint"]), (&json!(true), &json!("…wxyz")));
    assert_ne!(second["updated_by"], first["updated_by"]);
    let third = patch(&other, json!({"api_key": null})).await;
    assert_eq!((&third["api_key_set"], &third["api_key_hint"]), (&json!(false), &Value::Null));
    app.stop().await.unwrap();
}

#[tokio::test]
async fn a_key_goes_with_another_provider_or_address_unless_a_new_one_comes() {
    let (app, admin) = start().await;
    let set = json!({"provider": "openai", "base_url": "https://ai.example", "api_key": API_KEY});
    for (moved, stays) in [
        (json!({"provider": "custom"}), false),
        (json!({"base_url": "https://evil.example"}), false),
        (json!({"base_url": null}), false),
        (json!({"provider": "custom", "api_key": null}), false),
        (json!({"provider": "custom", "base_url": "https://b.example", "api_key": "12345678"}), true),
        (json!({"model": "other"}), true),
    ] {
        patch(&admin, set.clone()).await;
        let after = patch(&admin, moved.clone()).await;
        assert_eq!(after["api_key_set"], json!(stays), "{moved}: {after}");
        assert_eq!(after["api_key_hint"].is_null(), !stays, "{moved}: {after}");
        assert_eq!(export(&admin, "ai").await.json()["api_key"].is_null(), !stays, "{moved}");
    }
    app.stop().await.unwrap();
}

#[tokio::test]
async fn a_key_never_meets_the_address_of_another_change() {
    let (app, admin) = start().await;
    let replica = app.replica().unwrap();
    let other = admin.at(&replica);
    for round in 0..20 {
        patch(&admin, json!({"base_url": "https://a.example", "api_key": "key-of-a-aaaa"})).await;
        let (moved, keyed) =
            (json!({"base_url": format!("https://b{round}.example")}), json!({"model": round.to_string()}));
        join(patch(&admin, moved), patch(&other, keyed)).await;
        let after = export(&admin, "ai").await.json();
        assert_eq!((&after["api_key"], &after["model"]), (&Value::Null, &json!(round.to_string())), "{after}");
    }
    drop(replica);
    app.stop().await.unwrap();
}

#[tokio::test]
async fn what_breaks_a_rule_is_named_and_changes_nothing() {
    let app = configured().variable("ai_origins", "http://ollama.internal:11434").start().await.unwrap();
    let admin = app.admin().await.unwrap();
    let before = patch(&admin, json!({"api_key": API_KEY})).await;
    let wrong = json!({
        "provider": "skynet",
        "model": "m".repeat(201),
        "base_url": format!("https://{}", "u".repeat(2048)),
        "api_key": "short",
    });
    assert_eq!(admin.patch(AI, &wrong).await.unwrap().refused(), ["body.provider"]);
    let wrong = json!({
        "provider": null,
        "model": "m".repeat(201),
        "base_url": format!("https://{}", "u".repeat(2048)),
        "api_key": "k".repeat(513),
    });
    let refused = admin.patch(AI, &wrong).await.unwrap().refused();
    assert_eq!(refused, ["body.api_key", "body.base_url", "body.model", "body.provider"]);
    for url in [
        "http://ai.example",
        "http://ollama.internal:11435",
        "http://ollama.internal:11434@evil.example",
        "https://user:password@ai.example",
        "https://",
        "ai.example",
        "file:///etc/passwd",
    ] {
        let body = json!({"base_url": url, "api_key": "another-key-1234"});
        assert_eq!(admin.patch(AI, &body).await.unwrap().refused(), ["body.base_url"], "{url}");
    }
    for key in ["", "1234567", "schlüssel-1", "line\nbreak-12"] {
        let answer = admin.patch(AI, &json!({"api_key": key})).await.unwrap();
        assert_eq!(answer.refused(), ["body.api_key"], "{key:?}");
        assert!(key.is_empty() || !answer.body.contains(key), "{answer}");
    }
    assert_eq!(admin.get(AI).await.unwrap().json(), before);
    let allowed = patch(&admin, json!({"base_url": "http://ollama.internal:11434/v1"})).await;
    assert_eq!(allowed["base_url"], json!("http://ollama.internal:11434/v1"));
    app.stop().await.unwrap();
}

#[tokio::test]
async fn a_key_is_in_no_log_and_no_answer_for_people_and_encrypted_in_the_database() {
    let (app, admin) = start().await;
    let set = admin.patch(AI, &json!({"api_key": API_KEY})).await.unwrap();
    let refused = admin.patch(AI, &json!({"api_key": API_KEY, "model": 5})).await.unwrap();
    let tested = admin.post(&format!("{AI}/test"), &json!({})).await.unwrap();
    assert_eq!((set.status.as_u16(), refused.status.as_u16(), tested.status.as_u16()), (200, 422, 200));
    for answer in [set, refused, tested, admin.get(AI).await.unwrap()] {
        assert!(!answer.body.contains("canary"), "{answer}");
    }
    assert_eq!(export(&admin, "ai").await.json()["api_key"], json!(API_KEY));
    let position = "select position(convert_to($1, 'UTF8') in api_key)::text from ai_settings";
    assert_eq!(app.database().text(position, "canary").await.unwrap(), "0");
    assert!(!app.log().iter().any(|line| line.contains("canary")), "{:#?}", app.log());
    app.stop().await.unwrap();
}

#[tokio::test]
async fn services_fetch_their_settings_once_per_change() {
    let (app, admin) = start().await;
    patch(&admin, json!({"provider": "custom", "base_url": "https://ai.example", "api_key": API_KEY})).await;
    let service = app.anonymous().with_token(SERVICE_TOKEN);
    for (name, change) in [("ai", AI), ("documents", LIMITS)] {
        let path = format!("/internal/settings/{name}");
        let known = async |etag: String| {
            service.send(service.request(Method::GET, &path).header("if-none-match", etag)).await.unwrap()
        };
        let first = service.get(&path).await.unwrap();
        assert_eq!((first.status.as_u16(), first.header("cache-control")), (200, "no-store"), "{first}");
        let etag = first.header("etag").to_owned();
        assert!(etag.len() > 2 && etag.starts_with('"') && etag.ends_with('"'), "{etag}");
        for sent in [etag.clone(), format!("W/{etag}"), format!("\"x\", {etag}"), "*".to_owned()] {
            let again = known(sent.clone()).await;
            assert_eq!((again.status.as_u16(), again.body.as_str()), (304, ""), "{sent}");
            assert_eq!(again.header("etag"), etag);
        }
        let body = json!({"model": "another", "max_pdf_mb": 26});
        assert_eq!(admin.patch(change, &body).await.unwrap().status, 200);
        let changed = known(etag.clone()).await;
        assert_eq!(changed.status, 200);
        assert_ne!(changed.header("etag"), etag);
    }
    assert_snapshot!(export(&admin, "ai").await, @r#"
    200 {
      "api_key": "sk-canary-7f3a9d-wxyz",
      "base_url": "https://ai.example",
      "model": "another",
      "provider": "custom",
      "updated_at": "[time]"
    }
    "#);
    assert_snapshot!(export(&admin, "documents").await, @r#"
    200 {
      "max_pdf_mb": 26,
      "updated_at": "[time]"
    }
    "#);
    app.stop().await.unwrap();
}

#[tokio::test]
async fn only_services_fetch_them() {
    let (app, admin) = start().await;
    let guess = app.anonymous().with_token("a-service-token-of-the-testz");
    for name in ["ai", "documents"] {
        let path = format!("/internal/settings/{name}");
        for caller in [&app.anonymous(), &app.user().await.unwrap(), &admin, &guess] {
            let answer = caller.get(&path).await.unwrap();
            assert_eq!((answer.status.as_u16(), answer.header("www-authenticate")), (401, "Bearer"), "{answer}");
        }
    }
    assert_eq!(export(&admin, "mail").await.code(), "not_found");
    assert_eq!(admin.with_token(SERVICE_TOKEN).get(AI).await.unwrap().status, 401);
    app.stop().await.unwrap();
}

/// A host with other settings keys on the database of another.
fn with_keys(app: &App, current: &str, previous: Option<&str>) -> Host {
    let host = Host::builder()
        .variable("database_url", app.database().url())
        .variable("database_host", app.database().host())
        .variable("signing_key", app.keys().signing_pem().unwrap())
        .variable("verifying_keys", app.keys().verifying_pem().unwrap())
        .variable("refresh_token_key", "A".repeat(43))
        .variable("service_token", SERVICE_TOKEN)
        .variable("settings_key", settings_key(current))
        .variable("settings_key_previous", previous.map(settings_key).unwrap_or_default());
    host.start().unwrap()
}

#[tokio::test]
async fn keys_are_rotated_with_two_of_them_at_a_time() {
    let (app, admin) = start().await;
    patch(&admin, json!({"api_key": API_KEY})).await;
    let rotated = with_keys(&app, "b", Some("a"));
    assert_eq!(export(&admin.at(&rotated), "ai").await.json()["api_key"], json!(API_KEY));
    patch(&admin.at(&rotated), json!({"api_key": "a-newer-key-5678"})).await;
    drop(rotated);
    let rotated = with_keys(&app, "b", None);
    assert_eq!(export(&admin.at(&rotated), "ai").await.json()["api_key"], json!("a-newer-key-5678"));
    // The host from before knows the new key not: people go on, services are told that something is missing.
    assert_eq!(admin.get(AI).await.unwrap().json()["api_key_hint"], json!("…5678"));
    assert_snapshot!(export(&admin, "ai").await, @r#"
    503 {
      "code": "not_configured",
      "detail": "This server is not fully configured: its log and /readyz say what is missing",
      "request_id": "[uuid]"
    }
    "#);
    assert!(app.wait_for_log("neither settings_key nor settings_key_previous").is_some(), "{:#?}", app.log());
    patch(&admin, json!({"api_key": null})).await;
    assert_eq!(export(&admin, "ai").await.json()["api_key"], Value::Null);
    drop(rotated);
    app.stop().await.unwrap();
}

#[tokio::test]
async fn a_key_that_was_changed_in_the_database_is_not_handed_out() {
    let (app, admin) = start().await;
    patch(&admin, json!({"api_key": API_KEY})).await;
    let change =
        "update ai_settings set api_key = set_byte(api_key, length($1) + 30, get_byte(api_key, length($1) + 30) # 1)";
    app.database().execute(change, "").await.unwrap();
    assert_eq!(export(&admin, "ai").await.code(), "internal_error");
    app.stop().await.unwrap();
}

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

#[tokio::test]
async fn the_limit_for_documents_is_from_1_to_500() {
    let (app, admin) = start().await;
    let user = app.user().await.unwrap();
    assert_eq!(user.get(LIMITS).await.unwrap().json(), json!({"max_pdf_mb": 25}));
    assert_eq!(user.patch(LIMITS, &json!({"max_pdf_mb": 1})).await.unwrap().code(), "admin_required");
    for number in [1, 500] {
        let answer = admin.patch(LIMITS, &json!({"max_pdf_mb": number})).await.unwrap();
        assert_eq!((answer.status.as_u16(), answer.json()), (200, json!({"max_pdf_mb": number})));
    }
    for wrong in [json!(0), json!(501), json!(-1), json!(1.5), json!("25"), json!(null), json!(5_000_000_000_i64)] {
        let answer = admin.patch(LIMITS, &json!({"max_pdf_mb": wrong})).await.unwrap();
        assert_eq!(answer.refused(), ["body.max_pdf_mb"], "{wrong}");
    }
    let before = export(&admin, "documents").await.json();
    for nothing in [json!({}), json!({"max_pdf_mb": 500})] {
        let answer = admin.patch(LIMITS, &nothing).await.unwrap();
        assert_eq!((answer.status.as_u16(), answer.json()), (200, json!({"max_pdf_mb": 500})));
    }
    assert_eq!(export(&admin, "documents").await.json(), before);
    app.stop().await.unwrap();
}

#[tokio::test]
async fn without_the_settings_key_the_family_says_that_it_is_not_configured() {
    let app = configured().variable("settings_key", "").start().await.unwrap();
    let admin = app.admin().await.unwrap();
    assert_eq!(admin.get(AI).await.unwrap().code(), "not_configured");
    assert!(app.wait_for_log("settings_key: is not set").is_some(), "{:#?}", app.log());
    app.stop().await.unwrap();
}
