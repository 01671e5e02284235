use axum::extract::State;
use frontdesk::access::Admin;
use frontdesk::apps::Key;
use frontdesk::openapi::{AdminRefusals, Failures, QueryRefusals};
use frontdesk::{App, ErrorBody, Json, Path, Result};

use crate::views::GrantsView;
use crate::{APP_NOT_FOUND, store};

/// List the grants of an app
///
/// Only grants are listed. Admins may use the app without one, and everybody if its `default_access` is `everyone`.
#[utoipa::path(get, path = "/api/admin/apps/{key}/grants", tag = "apps", operation_id = "apps.list_grants",
    security(("bearer" = [])), params(("key" = String, Path, description = "The key of the app.", example = "documents",
            pattern = "^[a-z][a-z0-9-]{0,62}$")),
    responses((status = 200, body = GrantsView, description = "The users and the groups that have a grant."),
        AdminRefusals, QueryRefusals, Failures, (status = 404, body = ErrorBody, description = "`app_not_found`")))]
pub(crate) async fn list_grants(_: Admin, Path(key): Path<Key>, State(app): State<App>) -> Result<Json<GrantsView>> {
    Ok(Json(store::list_grants(app.db(), key).await?.ok_or(APP_NOT_FOUND)?.into()))
}
