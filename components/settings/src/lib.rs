//! What administrators set, and how it reaches the services behind.
//!
//! The only component that sees the key with which secret settings are encrypted: see [`secret`].

mod base_url;
mod chat;
mod export_ai;
mod export_documents;
mod read_ai;
mod read_limits;
pub mod secret;
mod state;
mod store;
mod test_ai;
mod update_ai;
mod update_limits;
mod views;

use frontdesk::{Routes, routes};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{ComponentsBuilder, OpenApi, OpenApiBuilder};

pub use state::Settings;
pub use store::STATEMENTS;
pub use views::{AiExport, DocumentsExport, Provider};

/// The route table.
pub fn routes() -> Routes<Settings> {
    Routes::new()
        .documented(document)
        .routes(routes!(read_ai::read_ai, update_ai::update_ai))
        .routes(routes!(test_ai::test_ai))
        .routes(routes!(read_limits::read_limits, update_limits::update_limits))
        .routes(routes!(export_ai::export_ai))
        .routes(routes!(export_documents::export_documents))
}

/// How a feature service says who it is; the rest of the document comes from the routes.
fn document() -> OpenApi {
    let token = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some("The value of the variable `service_token`, which the services behind Frontdesk send."))
        .build();
    let components = ComponentsBuilder::new().security_scheme("service_token", SecurityScheme::Http(token)).build();
    OpenApiBuilder::new().components(Some(components)).build()
}

#[cfg(target_arch = "wasm32")]
#[spin_sdk::http_service]
async fn handle(request: spin_sdk::http::Request) -> axum::response::Response {
    static INSTANCE: frontdesk::Instance<Settings> = frontdesk::Instance::new("settings", routes);
    INSTANCE.handle(request).await
}
