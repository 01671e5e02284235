use axum::extract::State;
use frontdesk::access::Program;
use frontdesk::openapi::{Failures, ProgramRefusals};
use frontdesk::{Result, log, request_id_of};
use futures::future::join5;
use http::StatusCode;
use http::request::Parts;

use crate::state::Services;
use crate::{mail, poll, seal, store};

/// Run the scheduled work
///
/// The scheduler calls this. It checks the services, seals audit entries, sends mails and deletes what has expired. The request
/// may be repeated: work that is not due is not done again.
#[utoipa::path(post, path = "/internal/tick", tag = "services", operation_id = "services.tick",
    security(("tick_token" = [])),
    responses((status = 204, description = "The work is done."),
        ProgramRefusals, Failures))]
pub(crate) async fn tick(_: Program, State(services): State<Services>, parts: Parts) -> Result<StatusCode> {
    // None waits for another, nor fails with it. Only the poll takes turns: of the rest two replicas do each their part.
    let db = services.app().db();
    let past_sessions = async { Ok(store::delete_past_sessions(db).await?) };
    let expired = async { Ok(store::delete_expired(db).await?) };
    let (polled, sealed, sent, past_sessions, expired) =
        join5(poll::take_turn(&services), seal::seal(&services), mail::send(&services), past_sessions, expired).await;
    let outcomes: [Result<()>; 5] = [polled.map(drop), sealed, sent, past_sessions, expired];
    let mut failures = outcomes.into_iter().filter_map(Result::err);
    let Some(first) = failures.next() else { return Ok(StatusCode::NO_CONTENT) };
    // The first is in the line of the request.
    for failure in failures {
        log::error("services", request_id_of(&parts), &failure);
    }
    Err(first)
}
