//! Signing in: registration, login, sessions, and the public keys with which others verify access tokens.
//!
//! The only component that holds private keys. Who is signed in is asked elsewhere: see [`frontdesk::access`].

mod authenticate;
mod begin_session;
mod browser;
mod change_password;
mod forgot_password;
mod jwks;
mod limits;
mod list_sessions;
mod login;
mod logout;
mod new_password;
mod refresh;
mod refresh_token;
mod register;
mod reset_password;
mod revoke_session;
mod state;
mod store;
mod views;
mod visitor;

use frontdesk::routes;
use utoipa_axum::router::OpenApiRouter;

pub use limits::Scale;
pub use state::{Auth, lifetime, max_sessions, reset_url};
pub use store::STATEMENTS;

/// The route table.
pub fn routes() -> OpenApiRouter<Auth> {
    OpenApiRouter::new()
        .routes(routes!(register::register))
        .routes(routes!(login::login))
        .routes(routes!(begin_session::begin_session))
        .routes(routes!(refresh::refresh))
        .routes(routes!(logout::logout))
        .routes(routes!(list_sessions::list_sessions))
        .routes(routes!(revoke_session::revoke_session))
        .routes(routes!(change_password::change_password))
        .routes(routes!(forgot_password::forgot_password))
        .routes(routes!(reset_password::reset_password))
        .routes(routes!(jwks::jwks))
}

#[cfg(target_arch = "wasm32")]
#[spin_sdk::http_service]
async fn handle(request: spin_sdk::http::Request) -> axum::response::Response {
    static INSTANCE: frontdesk::Instance<Auth> = frontdesk::Instance::new("auth", routes);
    INSTANCE.handle(request).await
}
