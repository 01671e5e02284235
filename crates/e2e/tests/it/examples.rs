//! The examples of the OpenAPI document, sent as a reader would send them.

use e2e::{Answer, App, Document};
use reqwest::Method;
use serde_json::{Value, json};

/// Requests with a body, in an order in which each finds what it needs; with the status of its answer.
const REQUESTS: [(&str, &str, u16); 16] = [
    ("POST", "/api/auth/register", 201),
    ("POST", "/api/auth/login", 200),
    ("POST", "/api/auth/session", 200),
    ("POST", "/api/auth/password/forgot", 202),
    ("PUT", "/api/profile", 200),
    ("POST", "/api/auth/password/change", 204),
    // No example can have a token that is good.
    ("POST", "/api/auth/password/reset", 400),
    ("POST", "/api/auth/refresh", 401),
    ("POST", "/api/admin/users", 201),
    ("PATCH", "/api/admin/users/{id}", 200),
    ("POST", "/api/admin/groups", 201),
    ("PATCH", "/api/admin/groups/{id}", 200),
    ("POST", "/api/admin/apps", 201),
    ("PATCH", "/api/admin/apps/{key}", 200),
    ("PATCH", "/api/settings/ai", 200),
    ("PATCH", "/api/settings/documents/limits", 200),
];

/// What an operation shows as a body.
fn example(document: &Document, method: &str, path: &str) -> Value {
    let operation = &document.json()["paths"][path][method.to_lowercase()];
    let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
    // One that may be left out is an alternative to null.
    let schema = if schema["oneOf"].is_array() { &schema["oneOf"][0] } else { schema };
    document.resolved(schema)["example"].clone()
}

#[test]
fn every_request_with_a_body_is_tried() {
    let document = Document::checked_in().unwrap().json();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let is_json = !operation["requestBody"]["content"]["application/json"].is_null();
            let is_tried = REQUESTS.iter().any(|(tried, at, _)| at == path && tried.eq_ignore_ascii_case(method));
            assert_eq!(is_tried, is_json, "{method} {path}");
        }
    }
}

#[tokio::test]
async fn every_example_of_a_request_is_accepted() {
    // One of its own: the examples are always the same, and change settings.
    let app = App::start().await.unwrap();
    let (document, anonymous) = (Document::checked_in().unwrap(), app.anonymous());
    let admin = app.admin().await.unwrap();
    let (mut token, mut made) = (String::new(), json!({}));
    for (method, path, expected) in REQUESTS {
        let caller = match path {
            path if path.starts_with("/api/admin/") || path.starts_with("/api/settings/") => &admin,
            "/api/profile" | "/api/auth/password/change" => &anonymous.with_token(&token),
            _ => &anonymous,
        };
        let id = made["id"].as_str().or(made["key"].as_str()).unwrap_or_default();
        let at = path.replace("{id}", id).replace("{key}", id);
        let body = example(document, method, path);
        let request = caller.request(method.parse::<Method>().unwrap(), &at).json(&body);
        let answer: Answer = caller.send(request).await.unwrap();
        assert_eq!(answer.status, expected, "{method} {path} with {body}: {answer}");
        if let Some(access_token) = answer.json()["access_token"].as_str() {
            access_token.clone_into(&mut token);
        }
        made = answer.json();
    }
    app.stop().await.unwrap();
}
