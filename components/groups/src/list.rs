use axum::extract::State;
use frontdesk::access::Admin;
use frontdesk::openapi::{AdminRefusals, Failures, QueryRefusals};
use frontdesk::page::{LongPageParameters, Page, PageHeaders};
use frontdesk::{App, Json, Result};

use crate::store::{self, Position};
use crate::views::GroupView;

/// How many the list has when no limit is given, as in the seed (API.md, section 0).
const DEFAULT_LIMIT: u32 = 10_000;

/// List groups
///
/// Without `limit` the response has up to 10,000 groups.
#[utoipa::path(get, path = "/api/admin/groups", tag = "groups", operation_id = "groups.list", security(("bearer" = [])),
    params(LongPageParameters),
    responses((status = 200, body = [GroupView], description = "The groups, by name."),
        AdminRefusals, QueryRefusals, Failures))]
pub(crate) async fn list(
    _: Admin,
    page: Page<Position>,
    State(app): State<App>,
) -> Result<(PageHeaders, Json<Vec<GroupView>>)> {
    let limit = page.limit_or(DEFAULT_LIMIT);
    let count = store::count_groups(app.db()).await?;
    let groups = page.cut(store::list_groups(app.db(), page.after(), limit + 1).await?, limit);
    let headers = page.headers(groups.next(store::Listed::position).as_ref(), count);
    Ok((headers, Json(groups.into_iter().map(|listed| listed.group.into()).collect())))
}
