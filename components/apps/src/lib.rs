//! Apps: which there are, who was let into them, and which ones somebody may use.

mod create;
mod delete;
mod grant_group;
mod grant_user;
mod input;
mod list;
mod list_all;
mod list_grants;
mod revoke_group;
mod revoke_user;
mod show;
mod store;
mod update;
mod views;

use frontdesk::{App, Error, routes};
use utoipa_axum::router::OpenApiRouter;

pub use store::STATEMENTS;

const APP_NOT_FOUND: Error = Error::NotFound("app_not_found", "There is no such app");
const GROUP_NOT_FOUND: Error = Error::NotFound("group_not_found", "There is no such group");
const USER_NOT_FOUND: Error = Error::NotFound("user_not_found", "There is no such user");

/// The route table.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list::list))
        .routes(routes!(list_all::list_all, create::create))
        .routes(routes!(show::show, update::update, delete::delete))
        .routes(routes!(list_grants::list_grants))
        .routes(routes!(grant_user::grant_user, revoke_user::revoke_user))
        .routes(routes!(grant_group::grant_group, revoke_group::revoke_group))
}

#[cfg(target_arch = "wasm32")]
#[spin_sdk::http_service]
async fn handle(request: spin_sdk::http::Request) -> axum::response::Response {
    static INSTANCE: frontdesk::Instance<App> = frontdesk::Instance::new("apps", routes);
    INSTANCE.handle(request).await
}
