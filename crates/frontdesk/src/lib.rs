//! What the components share. A component adds its routes, its SQL and its views; everything that must be the same in all
//! of them is here: who is calling ([`access`]), how an answer leaves ([`Instance`]), what can go wrong ([`Error`]), and how
//! Postgres is spoken to ([`db`]).
//!
//! Deliberately not here: any route, and any statement but the one that asks who is calling ([`access`]).

pub mod access;
mod app;
pub mod apps;
pub mod audit;
mod body;
mod client;
pub mod configuration;
pub mod cookies;
pub mod csrf;
pub mod db;
pub mod email;
mod error;
pub mod etag;
mod form;
pub mod input;
mod instance;
mod json;
pub mod log;
pub mod openapi;
pub mod outbound;
pub mod page;
pub mod password;
mod path;
pub mod query;
mod refusals;
mod request;
mod reset_token;
mod routes;
mod session;
mod slash;
pub mod text;
pub mod time;
pub mod token;
mod user;
mod variables;

pub use app::App;
pub use body::announces_body;
pub use client::{Client, TrustedProxies};
pub use error::{Error, ErrorBody, FieldError, RateLimit, Result};
pub use form::FormOrJson;
pub use instance::{Forwarded, Instance};
pub use json::{Json, OptionalJson};
pub use path::Path;
pub use request::request_id_of;
pub use reset_token::ResetToken;
#[cfg(not(target_arch = "wasm32"))]
pub use routes::routes;
pub use session::{Session, SessionView};
pub use user::{Role, User, UserView};
pub use variables::{Load, Problem, Variables};

/// Every statement of this crate.
pub const STATEMENTS: &[db::Statement] = &[access::FIND_SIGNED_IN, db::PROBE];
