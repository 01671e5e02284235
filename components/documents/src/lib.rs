//! The guarded way through to a feature service: who may use it, who it is that asks, and which path.
//!
//! Which service that is, and under which path of ours, is said by variables, so that one build of this component serves any
//! number of them. Bodies are streamed; no database session is held while they are. A long answer whose length is known
//! does not even enter the component.

#[cfg(target_arch = "wasm32")]
mod answer;
mod asked;
mod forward;
mod headers;
mod may_use;
mod mount;
mod openapi;
mod outgoing;
mod passage;
mod path;
mod state;
mod store;
mod upload;
mod watch;
mod writing;

pub use state::Proxy;
pub use store::STATEMENTS;

use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;

/// The route table: every method, on whatever is below the variable `prefix`. The routes of the document are no routes here: they
/// would answer the methods that they do not have with 405. In the component there is no document, which nobody reads there.
pub fn routes() -> OpenApiRouter<Proxy> {
    let document = if cfg!(target_arch = "wasm32") { OpenApi::default() } else { openapi::document() };
    OpenApiRouter::with_openapi(document).fallback(forward::forward)
}

#[cfg(target_arch = "wasm32")]
#[spin_sdk::http_service]
async fn handle(request: spin_sdk::http::Request) -> answer::Answer {
    static INSTANCE: frontdesk::Instance<Proxy> = frontdesk::Instance::new("documents", routes);
    answer::Answer(INSTANCE.handle(request).await)
}
