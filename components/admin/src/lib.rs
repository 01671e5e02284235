//! Administering people: who there is, what they may do, whether they may sign in, and where they are signed in; and what
//! administrators did.

mod create;
mod csv;
mod delete;
mod explain_apps;
mod list;
mod list_audit;
mod list_sessions;
mod one_time_password;
mod reset_password;
mod revoke_session;
mod revoke_sessions;
mod show;
mod store;
mod update;
mod views;

use frontdesk::{App, Error, routes};
use utoipa_axum::router::OpenApiRouter;

pub use store::STATEMENTS;

const USER_NOT_FOUND: Error = Error::NotFound("user_not_found", "There is no such user");
const LAST_ADMIN: Error = Error::Conflict("last_admin", "There must be an active administrator left");

/// The route table.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list::list, create::create))
        .routes(routes!(show::show, update::update, delete::delete))
        .routes(routes!(reset_password::reset_password))
        .routes(routes!(explain_apps::explain_apps))
        .routes(routes!(list_sessions::list_sessions, revoke_sessions::revoke_sessions))
        .routes(routes!(revoke_session::revoke_session))
        .routes(routes!(list_audit::list_audit))
}

#[cfg(target_arch = "wasm32")]
#[spin_sdk::http_service]
async fn handle(request: spin_sdk::http::Request) -> axum::response::Response {
    static INSTANCE: frontdesk::Instance<App> = frontdesk::Instance::new("admin", routes);
    INSTANCE.handle(request).await
}
