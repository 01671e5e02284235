use axum::extract::State;
use frontdesk::access::Admin;
use frontdesk::openapi::{AdminRefusals, Failures, QueryRefusals};
use frontdesk::page::{Page, PageHeaders, PageParameters};
use frontdesk::{App, ErrorBody, Json, Path, Result, Session, SessionView};
use uuid::Uuid;

use crate::{USER_NOT_FOUND, store};

/// List the sessions of a user
///
/// Only sessions that have not ended are listed.
#[utoipa::path(get, path = "/api/admin/users/{id}/sessions", tag = "admin", operation_id = "admin.list_sessions",
    security(("bearer" = [])), params(("id" = Uuid, Path, description = "The id of the user."), PageParameters),
    responses((status = 200, body = [SessionView], description = "The sessions, newest first."),
        AdminRefusals, QueryRefusals, Failures,
        (status = 404, body = ErrorBody, description = "`user_not_found`")))]
pub(crate) async fn list_sessions(
    who: Admin,
    Path(id): Path<Uuid>,
    page: Page<(i64, Uuid)>,
    State(app): State<App>,
) -> Result<(PageHeaders, Json<Vec<SessionView>>)> {
    let count = store::count_sessions(app.db(), id).await?.ok_or(USER_NOT_FOUND)?;
    let sessions = store::list_sessions(app.db(), id, page.after(), page.limit() + 1).await?;
    let sessions = page.cut(sessions, page.limit());
    let headers = page.headers(sessions.next(Session::position).as_ref(), count);
    Ok((headers, Json(sessions.into_iter().map(|session| SessionView::new(session, who.session_id())).collect())))
}
