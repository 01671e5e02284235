//! What people say about themselves.

mod read;
mod store;
mod update;
mod views;

use frontdesk::{App, routes};
use utoipa_axum::router::OpenApiRouter;

pub use store::STATEMENTS;

/// The route table.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(read::read, update::update))
}

#[cfg(target_arch = "wasm32")]
#[spin_sdk::http_service]
async fn handle(request: spin_sdk::http::Request) -> axum::response::Response {
    static INSTANCE: frontdesk::Instance<App> = frontdesk::Instance::new("profile", routes);
    INSTANCE.handle(request).await
}
