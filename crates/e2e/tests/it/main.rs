//! The end-to-end tests: over HTTP, through a host, on a real Postgres. One host serves all tests that can share one; each
//! makes accounts of its own on it.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

mod access;
mod admin;
mod apps;
mod audit;
mod auth;
mod authority;
mod caches;
mod configuration;
mod documents;
mod examples;
mod faults;
mod groups;
mod ops;
mod plans;
mod profile;
mod safety;
mod services;
mod sessions;
mod settings;
mod slashes;
mod statements;
mod text;
mod tokens;
mod users;
mod wire;

use e2e::{App, Caller, Host};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

/// The host that the tests share.
async fn app() -> &'static App {
    static APP: OnceCell<App> = OnceCell::const_new();
    APP.get_or_init(|| async { App::start().await.expect("a host that serves") }).await
}

/// A second replica of it: what is decided at once on both is decided by the database.
async fn replica() -> &'static Host {
    static REPLICA: OnceCell<Host> = OnceCell::const_new();
    REPLICA.get_or_init(|| async { app().await.replica().expect("a second host that serves") }).await
}

/// An administrator on it, whom no test changes.
async fn admin() -> Caller {
    static TOKEN: OnceCell<String> = OnceCell::const_new();
    let token = TOKEN.get_or_init(|| async { app().await.admin().await.expect("an administrator").token }).await;
    // A client of its own for each test: connections end with the runtime that they were opened in.
    app().await.anonymous().with_token(token)
}

/// Somebody new on it, who is not signed in, as they were answered.
async fn new_person(full_name: Option<&str>) -> Value {
    let body = json!({"email": App::new_email(), "password": Caller::PASSWORD, "full_name": full_name});
    let answer = app().await.anonymous().post("/api/auth/register", &body).await.expect("an answer");
    assert_eq!(answer.status, 201, "{answer}");
    answer.json()
}
