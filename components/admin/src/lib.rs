//! Administering people: who there is, what they may do, and whether they may sign in; and what administrators did.

mod csv;
mod list;
mod list_audit;
mod store;
mod update;
mod views;

use frontdesk::App;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use store::STATEMENTS;

/// The route table.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list::list))
        .routes(routes!(update::update))
        .routes(routes!(list_audit::list_audit))
}

#[cfg(target_arch = "wasm32")]
#[spin_sdk::http_service]
async fn handle(request: spin_sdk::http::Request) -> axum::response::Response {
    static INSTANCE: frontdesk::Instance<App> = frontdesk::Instance::new("admin", routes);
    INSTANCE.handle(request).await
}
