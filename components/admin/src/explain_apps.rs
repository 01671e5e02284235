use axum::extract::State;
use frontdesk::access::Admin;
use frontdesk::openapi::{AdminRefusals, Failures, QueryRefusals};
use frontdesk::{App, ErrorBody, Json, Path, Result};
use uuid::Uuid;

use crate::views::AppAccessView;
use crate::{USER_NOT_FOUND, store};

/// List a user's access to the apps
///
/// The list has every app. It says whether the user may use the app, and why.
#[utoipa::path(get, path = "/api/admin/users/{id}/apps", tag = "admin", operation_id = "admin.explain_apps",
    security(("bearer" = [])), params(("id" = Uuid, Path, description = "The id of the user.")),
    responses((status = 200, body = [AppAccessView], description = "All apps, by position."),
        AdminRefusals, QueryRefusals, Failures, (status = 404, body = ErrorBody, description = "`user_not_found`")))]
pub(crate) async fn explain_apps(
    _: Admin,
    Path(id): Path<Uuid>,
    State(app): State<App>,
) -> Result<Json<Vec<AppAccessView>>> {
    let rows = store::explain_apps(app.db(), id).await?;
    if rows.is_empty() {
        return Err(USER_NOT_FOUND);
    }
    Ok(Json(rows.into_iter().filter_map(AppAccessView::new).collect()))
}
