use axum::extract::State;
use frontdesk::access::Admin;
use frontdesk::apps::Key;
use frontdesk::openapi::{AdminRefusals, Failures, QueryRefusals};
use frontdesk::{App, ErrorBody, Path, Result};
use http::StatusCode;
use uuid::Uuid;

use crate::{APP_NOT_FOUND, GROUP_NOT_FOUND, store};

/// Grant an app to a group
///
/// The members may use the app at once. The request is idempotent.
#[utoipa::path(put, path = "/api/admin/apps/{key}/groups/{group_id}", tag = "apps", operation_id = "apps.grant_group",
    security(("bearer" = [])),
    params(("key" = String, Path, description = "The key of the app.", example = "documents",
            pattern = "^[a-z][a-z0-9-]{0,62}$"),
        ("group_id" = Uuid, Path, description = "The id of the group.")),
    responses((status = 204, description = "The grant exists."),
        AdminRefusals, QueryRefusals, Failures,
        (status = 404, body = ErrorBody, description = "`app_not_found`\n`group_not_found`")))]
pub(crate) async fn grant_group(
    who: Admin,
    Path((key, group)): Path<(Key, Uuid)>,
    State(app): State<App>,
) -> Result<StatusCode> {
    let parts = store::insert_group_grant(app.db(), who.authority(), key, group).await?;
    match (parts.has_app, parts.has_grantee) {
        (false, _) => Err(APP_NOT_FOUND),
        (true, false) => Err(GROUP_NOT_FOUND),
        (true, true) => Ok(StatusCode::NO_CONTENT),
    }
}
