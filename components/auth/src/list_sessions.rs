use axum::extract::State;
use frontdesk::access::SignedIn;
use frontdesk::openapi::{Failures, QueryRefusals, SignedInRefusals};
use frontdesk::page::{Page, PageHeaders, PageParameters};
use frontdesk::{App, Json, Result, SessionView};
use uuid::Uuid;

use crate::store;

/// List your sessions
///
/// Only sessions that have not ended are listed.
#[utoipa::path(get, path = "/api/auth/sessions", tag = "auth", operation_id = "auth.list_sessions",
    security(("bearer" = [])), params(PageParameters),
    responses((status = 200, body = [SessionView], description = "The sessions, newest first."),
        SignedInRefusals, QueryRefusals, Failures))]
pub(crate) async fn list_sessions(
    who: SignedIn,
    page: Page<(i64, Uuid)>,
    State(app): State<App>,
) -> Result<(PageHeaders, Json<Vec<SessionView>>)> {
    let (db, user, current) = (app.db(), who.user().id, who.session_id());
    let count = store::count_sessions(db, user).await?;
    let sessions = page.cut(store::list_sessions(db, user, page.after(), page.limit() + 1).await?, page.limit());
    let headers = page.headers(sessions.next(frontdesk::Session::position).as_ref(), count);
    Ok((headers, Json(sessions.into_iter().map(|session| SessionView::new(session, current)).collect())))
}
