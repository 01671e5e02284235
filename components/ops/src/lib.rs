//! Operations: is the process alive, is the service ready, what there is to call, and the 404 of every path that no other
//! component claims.
//!
//! Needs no configuration to answer, so that it can say what is missing.

mod asset;
mod docs;
mod docs_file;
mod healthz;
mod neighbours;
mod openapi;
mod readyz;
mod store;
mod views;

use frontdesk::routes;
use utoipa_axum::router::OpenApiRouter;

pub use neighbours::{NEIGHBOURS, Neighbour};
pub use store::{LATEST_MIGRATION, STATEMENTS};

/// The route table.
pub fn routes() -> OpenApiRouter<()> {
    OpenApiRouter::new()
        .routes(routes!(healthz::healthz))
        .routes(routes!(readyz::readyz))
        .routes(routes!(openapi::openapi))
        .routes(routes!(docs::docs))
        .routes(routes!(docs_file::docs_file))
}

#[cfg(target_arch = "wasm32")]
#[spin_sdk::http_service]
async fn handle(request: spin_sdk::http::Request) -> axum::response::Response {
    static INSTANCE: frontdesk::Instance<()> = frontdesk::Instance::new("ops", routes);
    INSTANCE.handle(request).await
}
