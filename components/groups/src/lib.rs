//! Groups of people, which administrators keep.

mod add_member;
mod create;
mod delete;
mod input;
mod list;
mod remove_member;
mod show;
mod store;
mod update;
mod views;

use frontdesk::{App, Error, routes};
use utoipa_axum::router::OpenApiRouter;

pub use store::STATEMENTS;

const GROUP_NOT_FOUND: Error = Error::NotFound("group_not_found", "There is no such group");
const GROUP_NAME_TAKEN: Error = Error::Conflict("group_name_taken", "There is a group of this name");

/// The route table.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list::list, create::create))
        .routes(routes!(show::show, update::update, delete::delete))
        .routes(routes!(add_member::add_member, remove_member::remove_member))
}

#[cfg(target_arch = "wasm32")]
#[spin_sdk::http_service]
async fn handle(request: spin_sdk::http::Request) -> axum::response::Response {
    static INSTANCE: frontdesk::Instance<App> = frontdesk::Instance::new("groups", routes);
    INSTANCE.handle(request).await
}
