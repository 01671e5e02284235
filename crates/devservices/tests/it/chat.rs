//! Conversations, with each provider and with none.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use devservices::ai;
use devservices::client::Client;
use devservices::settings::Settings;
use serde_json::{Value, json};

use crate::support::{self, Received, SERVICE_TOKEN, Upstream, expect, serve};

const KEY: &str = "sk-canary-7f3a9d";

/// The AI service behind a Frontdesk that tells these settings. The address in them is `provider`'s.
struct Chat {
    origin: String,
    frontdesk: Upstream,
    provider: Upstream,
}

impl Chat {
    async fn start(settings: Value, provider: impl Fn(&Received) -> Response + Clone + Send + Sync + 'static) -> Self {
        let provider = Upstream::start(provider).await;
        let mut told = json!({ "model": null, "base_url": provider.origin, "api_key": KEY, "updated_at": "2026-01-01T00:00:00.000Z" });
        told.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
        let frontdesk = Upstream::start(move |_: &Received| support::json(200, &told)).await;
        let origin = ai_service(&frontdesk.origin, ai::TIMEOUT).await;
        Self { origin, frontdesk, provider }
    }

    fn ask(&self, question: &Value) -> reqwest::RequestBuilder {
        ask(&self.origin, question)
    }
}

async fn ai_service(frontdesk: &str, timeout: Duration) -> String {
    serve(ai::router(Client::new(), support::settings(frontdesk, "ai", Duration::ZERO), timeout)).await
}

fn ask(origin: &str, question: &Value) -> reqwest::RequestBuilder {
    reqwest::Client::new().post(format!("{origin}/chat")).json(question)
}

fn hello() -> Value {
    json!({ "messages": [{ "role": "user", "content": "Hello" }] })
}

/// A conversation with all that can be in one.
fn conversation(provider: &str) -> Value {
    json!({
        "provider": provider,
        "model": "asked",
        "max_tokens": 7,
        "messages": [
            { "role": "system", "content": "Be brief" },
            { "role": "user", "content": "Hello" },
            { "role": "assistant", "content": "Hi" },
            { "role": "user", "content": "Who are you?" },
        ],
    })
}

fn said(provider: &str) -> Value {
    json!({ "provider": provider, "model": "answered", "message": { "role": "assistant", "content": "Me" } })
}

fn openai(_: &Received) -> Response {
    support::json(
        200,
        &json!({ "model": "answered", "choices": [{ "message": { "role": "assistant", "content": "Me" } }] }),
    )
}

fn anthropic(_: &Received) -> Response {
    let content = json!([{ "type": "text", "text": "M" }, { "type": "other" }, { "type": "text", "text": "e" }]);
    support::json(200, &json!({ "model": "answered", "role": "assistant", "content": content }))
}

fn ollama(_: &Received) -> Response {
    support::json(
        200,
        &json!({ "model": "answered", "message": { "role": "assistant", "content": "Me" }, "done": true }),
    )
}

#[tokio::test]
async fn openai_is_asked_as_its_api_has_it() {
    let chat = Chat::start(json!({ "provider": "openai", "model": "set" }), openai).await;
    let question = conversation("openai");
    assert_eq!(expect(200, chat.ask(&question)).await, said("openai"));
    expect(200, chat.ask(&hello())).await;
    let received = chat.provider.received();
    assert_eq!((received[0].method.as_str(), received[0].path.as_str()), ("POST", "/chat/completions"));
    assert_eq!(received[0].header("authorization"), format!("Bearer {KEY}"));
    assert_eq!(
        received[0].body,
        json!({ "model": "asked", "messages": question["messages"], "max_completion_tokens": 7 })
    );
    assert_eq!(received[1].body, json!({ "model": "set", "messages": hello()["messages"] }));
}

#[tokio::test]
async fn a_custom_provider_is_asked_like_openai_at_its_address_and_needs_no_key() {
    let chat = Chat::start(json!({ "provider": "custom", "api_key": null }), openai).await;
    let question = conversation("custom");
    assert_eq!(expect(200, chat.ask(&question)).await, said("custom"));
    expect(200, chat.ask(&hello())).await;
    let received = chat.provider.received();
    assert_eq!((received[0].path.as_str(), received[0].header("authorization")), ("/chat/completions", ""));
    assert_eq!(received[0].body, json!({ "model": "asked", "messages": question["messages"], "max_tokens": 7 }));
    assert_eq!(received[1].body, hello());
}

#[tokio::test]
async fn anthropic_is_asked_as_its_api_has_it() {
    let chat = Chat::start(json!({ "provider": "anthropic", "model": "set" }), anthropic).await;
    let question = conversation("anthropic");
    assert_eq!(expect(200, chat.ask(&question)).await, said("anthropic"));
    expect(200, chat.ask(&hello())).await;
    let received = chat.provider.received();
    assert_eq!((received[0].method.as_str(), received[0].path.as_str()), ("POST", "/v1/messages"));
    assert_eq!((received[0].header("x-api-key"), received[0].header("anthropic-version")), (KEY, "2023-06-01"));
    assert_eq!(received[0].header("authorization"), "");
    let messages = &question["messages"].as_array().unwrap()[1..];
    assert_eq!(
        received[0].body,
        json!({ "model": "asked", "system": "Be brief", "messages": messages, "max_tokens": 7 })
    );
    assert_eq!(received[1].body, json!({ "model": "set", "messages": hello()["messages"], "max_tokens": 1024 }));
}

#[tokio::test]
async fn ollama_is_asked_as_its_api_has_it() {
    let chat = Chat::start(json!({ "provider": "ollama", "api_key": null, "model": "set" }), ollama).await;
    let question = conversation("ollama");
    assert_eq!(expect(200, chat.ask(&question)).await, said("ollama"));
    expect(200, chat.ask(&hello())).await;
    let received = chat.provider.received();
    assert_eq!((received[0].method.as_str(), received[0].path.as_str()), ("POST", "/api/chat"));
    let options = json!({ "num_predict": 7 });
    assert_eq!(
        received[0].body,
        json!({ "model": "asked", "messages": question["messages"], "stream": false, "options": options })
    );
    assert_eq!(received[1].body, json!({ "model": "set", "messages": hello()["messages"], "stream": false }));
}

#[tokio::test]
async fn the_settings_are_asked_for_with_the_token_at_every_call() {
    let chat = Chat::start(json!({ "provider": "openai" }), openai).await;
    expect(200, chat.ask(&hello())).await;
    expect(200, chat.ask(&hello())).await;
    let received = chat.frontdesk.received();
    assert_eq!(received.len(), 2);
    assert_eq!((received[1].method.as_str(), received[1].path.as_str()), ("GET", "/internal/settings/ai"));
    assert_eq!(received[1].header("authorization"), format!("Bearer {SERVICE_TOKEN}"));
}

#[tokio::test]
async fn with_no_provider_the_service_says_so() {
    let chat = Chat::start(json!({ "provider": "openai", "base_url": null, "api_key": null }), openai).await;
    let alone = serve(ai::router(Client::new(), Settings::new(None, "ai", Duration::ZERO), ai::TIMEOUT)).await;
    for origin in [&chat.origin, &alone] {
        let answer = expect(200, ask(origin, &conversation("openai"))).await;
        assert_eq!((&answer["provider"], &answer["message"]["role"]), (&json!("development"), &json!("assistant")));
        let content = answer["message"]["content"].as_str().unwrap();
        assert!(content.contains("no AI provider is configured") && content.contains('4'), "{content}");
    }
    assert_eq!(chat.provider.received().len(), 0);
}

#[tokio::test]
async fn a_provider_that_fails_is_502_without_its_address_or_key() {
    type Answer = fn(&Received) -> Response;
    let cases: [(Answer, &str); 5] = [
        (|_| support::json(401, &json!({ "error": KEY })), "answered with status 401"),
        (
            |received| {
                let location = format!("http://{}/elsewhere", received.header("host"));
                Response::builder().status(302).header("location", location).body(Body::empty()).unwrap()
            },
            "redirect",
        ),
        (|_| support::json(200, &json!({ "choices": [] })), "not as its API has it"),
        (|_| Response::new(Body::from("hello")), "not as its API has it"),
        (|_| Response::new(Body::from(vec![b' '; 1024 * 1024 + 1])), "more than 1 MiB"),
    ];
    for (answer, expected) in cases {
        let chat = Chat::start(json!({ "provider": "openai" }), answer).await;
        let detail = expect(502, chat.ask(&hello())).await["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains(expected) && !detail.contains(KEY) && !detail.contains("127.0.0.1"), "{detail}");
        assert_eq!(chat.provider.received().len(), 1);
    }
}

#[tokio::test]
async fn a_provider_that_is_not_there_or_has_no_proper_address_is_502() {
    let nowhere = support::nowhere().await;
    // To one that speaks no TLS, and to one that cannot be an address.
    let plain = Upstream::start(openai).await.origin.replace("http:", "https:");
    for (base_url, expected) in [
        (json!(nowhere), "cannot be reached"),
        (json!(plain), "cannot be reached"),
        (json!("not an address"), "malformed"),
        (json!("/v1"), "malformed"),
        (json!(null), "no address"),
    ] {
        let chat = Chat::start(json!({ "provider": "custom", "base_url": base_url }), openai).await;
        let answer = expect(502, chat.ask(&hello())).await;
        assert!(answer["detail"].as_str().unwrap().contains(expected), "{answer}");
    }
    let chat = Chat::start(json!({ "provider": "openai", "api_key": "a\nb" }), openai).await;
    let answer = expect(502, chat.ask(&hello())).await;
    assert_eq!(answer["detail"], "The AI provider's key cannot be sent");
}

#[tokio::test]
async fn a_provider_that_never_answers_is_502_when_the_time_is_over() {
    // It accepts connections, because the system does, and never reads.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let told = json!({
        "provider": "custom",
        "model": null,
        "base_url": format!("http://{}", silent.local_addr().unwrap()),
        "api_key": null,
    });
    let told = Arc::new(told);
    let frontdesk = Upstream::start(move |_: &Received| support::json(200, &told)).await;
    let origin = ai_service(&frontdesk.origin, Duration::from_millis(500)).await;
    assert_eq!(expect(502, ask(&origin, &hello())).await["detail"], "The AI provider did not answer in time");
}

#[tokio::test]
async fn without_settings_nothing_is_pretended() {
    let frontdesk = Upstream::start(|_: &Received| support::json(401, &json!({}))).await;
    for frontdesk in [&frontdesk.origin, &support::nowhere().await] {
        let origin = ai_service(frontdesk, ai::TIMEOUT).await;
        assert_eq!(expect(503, ask(&origin, &hello())).await["detail"], "Frontdesk does not tell its settings");
    }
}

#[tokio::test]
async fn a_body_that_is_no_conversation_is_refused() {
    let chat = Chat::start(json!({ "provider": "openai" }), openai).await;
    for body in [
        json!({}),
        json!([]),
        json!({ "messages": [] }),
        json!({ "messages": [{ "role": "user", "content": "" }] }),
        json!({ "messages": [{ "role": "user" }] }),
        json!({ "messages": [{ "role": "nobody", "content": "Hello" }] }),
        json!({ "messages": [{ "role": "system", "content": "Hello" }] }),
        json!({ "messages": hello()["messages"], "max_tokens": 0 }),
        json!({ "messages": hello()["messages"], "provider": "nobody" }),
        conversation("ollama"),
    ] {
        let answer = expect(422, chat.ask(&body)).await;
        assert!(answer["detail"].is_string(), "{answer}");
    }
    let url = format!("{}/chat", chat.origin);
    let http = reqwest::Client::new();
    expect(422, http.post(&url).header("content-type", "application/json").body("{")).await;
    expect(415, http.post(&url).body(hello().to_string())).await;
    let large = json!({ "messages": [{ "role": "user", "content": "x".repeat(1024 * 1024) }] });
    expect(413, chat.ask(&large)).await;
    expect(405, http.get(&url)).await;
    assert_eq!(expect(200, http.get(format!("{}/health", chat.origin))).await, json!({ "status": "ok" }));
    assert_eq!(chat.provider.received().len(), 0);
}
