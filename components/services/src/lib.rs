//! Which services are up: the list for people, and the tick that has them all polled.
//!
//! Whoever polls claims the turn in Postgres, so any number of replicas poll once, and all answer what one of them found.

mod list;
mod mail;
mod poll;
mod registry;
mod seal;
mod state;
mod store;
mod tick;
mod views;

use frontdesk::{Routes, routes};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{ComponentsBuilder, OpenApi, OpenApiBuilder};

pub use mail::Transport;
pub use state::Services;
pub use store::STATEMENTS;

/// The route table.
pub fn routes() -> Routes<Services> {
    Routes::new().documented(document).routes(routes!(list::list)).routes(routes!(tick::tick))
}

/// How the scheduler says who it is; the rest of the document comes from the routes.
fn document() -> OpenApi {
    let token = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some("The value of the variable `tick_token`, which the scheduler sends."))
        .build();
    let components = ComponentsBuilder::new().security_scheme("tick_token", SecurityScheme::Http(token)).build();
    OpenApiBuilder::new().components(Some(components)).build()
}

#[cfg(target_arch = "wasm32")]
#[spin_sdk::http_service]
async fn handle(request: spin_sdk::http::Request) -> axum::response::Response {
    static INSTANCE: frontdesk::Instance<Services> = frontdesk::Instance::new("services", routes);
    INSTANCE.handle(request).await
}
