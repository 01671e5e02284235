//! Users, as they see themselves and each other.

mod me;

use frontdesk::{App, routes};
use utoipa_axum::router::OpenApiRouter;

/// The route table.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(me::me))
}

#[cfg(target_arch = "wasm32")]
#[spin_sdk::http_service]
async fn handle(request: spin_sdk::http::Request) -> axum::response::Response {
    static INSTANCE: frontdesk::Instance<App> = frontdesk::Instance::new("users", routes);
    INSTANCE.handle(request).await
}
