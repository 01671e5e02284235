//! Administering people: who there is, what they may do, and whether they may sign in.

mod list;
mod store;
mod update;

use frontdesk::App;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use store::STATEMENTS;

/// The route table.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list::list)).routes(routes!(update::update))
}

#[cfg(target_arch = "wasm32")]
#[spin_sdk::http_service]
async fn handle(request: spin_sdk::http::Request) -> axum::response::Response {
    static INSTANCE: frontdesk::Instance<App> = frontdesk::Instance::new("admin", routes);
    INSTANCE.handle(request).await
}
