//! The scheduler's call: the regular work, if it is due.

use axum::extract::State;
use frontdesk::access::Program;
use frontdesk::openapi::Failures;
use frontdesk::{ErrorBody, Result};
use futures::future::join4;
use http::StatusCode;

use crate::state::Services;
use crate::{mail, poll, seal, store};

#[utoipa::path(post, path = "/internal/tick", tag = "services", operation_id = "services.tick",
    security(("tick_token" = [])),
    responses((status = 204, description = "The work was done, by this call or by another one just now."),
        (status = 401, body = ErrorBody, description = "`not_authenticated` or `invalid_token`."), Failures))]
pub(crate) async fn tick(_: Program, State(services): State<Services>) -> Result<StatusCode> {
    // None waits for another, nor fails with it. Only the poll takes turns: of the rest two replicas do each their part.
    let db = services.app().db();
    let deleted = async { store::delete_past_sessions(db).await.and(store::delete_expired(db).await) };
    let (polled, sealed, sent, deleted) =
        join4(poll::take_turn(&services), seal::seal(&services), mail::send(&services), deleted).await;
    polled?;
    sealed?;
    sent?;
    deleted?;
    Ok(StatusCode::NO_CONTENT)
}
