use axum::extract::State;
use frontdesk::access::SignedIn;
use frontdesk::openapi::{Failures, QueryRefusals, SignedInRefusals};
use frontdesk::{App, Error, ErrorBody, Path, Result};
use http::StatusCode;
use uuid::Uuid;

use crate::store;

/// End one of your sessions
///
/// Its tokens stop working at once. The current session can be ended too; its cookies stay.
#[utoipa::path(delete, path = "/api/auth/sessions/{id}", tag = "auth", operation_id = "auth.revoke_session",
    security(("bearer" = [])), params(("id" = Uuid, Path, description = "The id of the session.")),
    responses((status = 204, description = "The session has ended."), SignedInRefusals, QueryRefusals, Failures,
        (status = 404, body = ErrorBody, description = "`session_not_found`")))]
pub(crate) async fn revoke_session(who: SignedIn, Path(id): Path<Uuid>, State(app): State<App>) -> Result<StatusCode> {
    if store::end_session(app.db(), who.authority(), id).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Error::NotFound("session_not_found", "You have no such session"))
    }
}
