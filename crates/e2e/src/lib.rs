//! The harness of the end-to-end tests: a host that runs the real components, on a database of its own, and the callers.
//!
//! `cargo xtask test` starts Postgres, migrates a template database and says in the environment which host to run; every
//! [`App`] is a host process of its own, on a clone of that template or on a [`Server`] of its own. The tests themselves are in
//! `tests/it` (over HTTP) and `tests/house` (of what is in the repository).

mod answer;
mod app;
mod browser;
mod caller;
mod chromium;
mod database;
mod document;
mod host;
mod keys;
mod load;
mod proxy;
mod server;
mod tap;
mod upstream;

pub use answer::Answer;
pub use app::{App, AppBuilder};
pub use browser::Browser;
pub use caller::Caller;
pub use chromium::{Chromium, Tab};
pub use database::{Database, Lock};
pub use document::{Document, explained_codes};
pub use host::{Host, HostBuilder};
pub use keys::Keys;
pub use load::{Load, Outcome};
pub use proxy::Proxy;
pub use server::{Server, Stop};
pub use tap::PostgresTap;
pub use upstream::{Received, Upstream};
