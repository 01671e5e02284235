//! The end-to-end tests: over HTTP, through a host, on a real Postgres. One host serves all tests that can share one; each
//! makes accounts of its own on it.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

mod access;
mod auth;
mod configuration;
mod faults;
mod ops;
mod tokens;
mod users;
mod wire;

use e2e::App;
use tokio::sync::OnceCell;

/// The host that the tests share.
async fn app() -> &'static App {
    static APP: OnceCell<App> = OnceCell::const_new();
    APP.get_or_init(|| async { App::start().await.expect("a host that serves") }).await
}
