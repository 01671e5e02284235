//! A path with one slash too many at its end (API.md, section 0).

use std::path::Path;

use reqwest::redirect::Policy;
use reqwest::{Client, Method, Response};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use uuid::Uuid;

use crate::{admin, app};

/// A client that follows no redirect.
async fn send(method: Method, path: &str) -> Response {
    let client = Client::builder().redirect(Policy::none()).build().unwrap();
    client.request(method, format!("{}{path}", app().await.url())).send().await.unwrap()
}

/// The head of the answer to a request that no client of a library would send.
async fn raw(target: &str) -> String {
    let address = app().await.url().trim_start_matches("http://");
    let mut socket = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {target} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer).split("\r\n\r\n").next().unwrap_or_default().to_owned()
}

fn location(head: &str) -> Option<&str> {
    head.lines().find_map(|line| line.strip_prefix("location: "))
}

/// The documented paths that are not another service's, each `{parameter}` filled.
fn paths() -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi.json");
    let document: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let filled = |segment: &str| if segment.starts_with('{') { Uuid::new_v4().to_string() } else { segment.to_owned() };
    let paths = document["paths"].as_object().unwrap().keys().filter(|path| !path.starts_with("/api/documents"));
    paths.map(|path| path.split('/').map(filled).collect::<Vec<_>>().join("/")).collect()
}

#[tokio::test]
async fn every_route_with_a_slash_too_many_leads_to_itself() {
    let methods = [Method::GET, Method::HEAD, Method::POST, Method::DELETE, Method::OPTIONS];
    for path in paths() {
        for method in &methods {
            let answer = send(method.clone(), &format!("{path}/")).await;
            assert_eq!(answer.status(), 307, "{method} {path}/");
            assert_eq!(answer.headers()["location"], path.as_str(), "{method} {path}/");
            assert_eq!(answer.headers()["content-length"], "0", "{method} {path}/");
            assert!(answer.headers()["x-request-id"].to_str().unwrap().parse::<Uuid>().is_ok(), "{method} {path}/");
            assert!(!answer.headers().contains_key("allow"), "{method} {path}/");
        }
    }
}

#[tokio::test]
async fn two_slashes_too_many_and_an_encoded_one_lead_nowhere() {
    for path in paths() {
        assert_eq!(send(Method::GET, &format!("{path}//")).await.status(), 404, "{path}//");
    }
    for path in ["/healthz%2F", "/api/users/me%2f", "/api/admin/groups%2F", "/api/", "/nothing/", "/api/auth/", "/"] {
        assert_eq!(send(Method::GET, path).await.status(), 404, "{path}");
    }
}

#[tokio::test]
async fn the_query_stays_as_it_is() {
    for query in ["?", "?q=%2f/%C3%A9&q=+&&x", "?next=//evil.example/", "?a=b?c=\\'{}|"] {
        let head = raw(&format!("/api/admin/users/{query}")).await;
        assert!(head.starts_with("HTTP/1.1 307 "), "{query}: {head}");
        assert_eq!(location(&head), Some(format!("/api/admin/users{query}").as_str()));
    }
}

#[tokio::test]
async fn a_location_is_never_on_another_host() {
    for target in [
        "//evil.example/",
        "//evil.example/healthz/",
        "/\\evil.example/",
        "//healthz/",
        "///api/users/me/",
        "/%2Fevil.example/",
        "/.//evil.example/",
    ] {
        let head = raw(target).await;
        assert!(head.starts_with("HTTP/1.1 404 "), "{target}: {head}");
        assert_eq!(location(&head), None, "{target}");
    }
    let host = app().await.url();
    let head = raw(&format!("{host}/healthz/?a")).await;
    assert_eq!(location(&head), Some("/healthz?a"), "{head}");
}

#[tokio::test]
async fn a_client_that_follows_gets_what_it_asked_for() {
    let admin = admin().await;
    let name = Uuid::new_v4().to_string();
    // 307 keeps the method and the body.
    let made = admin.post("/api/admin/groups/", &json!({ "name": name })).await.unwrap();
    assert_eq!(made.status, 201, "{made}");
    let id = made.json()["id"].as_str().unwrap().to_owned();
    let shown = admin.get(&format!("/api/admin/groups/{id}/")).await.unwrap();
    assert_eq!((shown.status.as_u16(), &shown.json()["name"]), (200, &json!(name)));
}
