//! What administrators set. There is one row of each kind, so every test has a host and a database of its own.

mod ai;
mod chat;
mod export;
mod keys;
mod limits;

use e2e::{Answer, App, AppBuilder, Caller};
use serde_json::Value;

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
