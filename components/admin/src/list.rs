//! All users, or those that fit.

use axum::extract::State;
use frontdesk::access::Admin;
use frontdesk::openapi::{AdminRefusals, Failures, QueryRefusals};
use frontdesk::page::{Page, PageHeaders, PageParameters};
use frontdesk::query::{Filters, Parameters, Query};
use frontdesk::{App, Error, FieldError, Json, Result, Role, UserView};
use utoipa::IntoParams;

use crate::store::{self, Filter, Position, Sort};

/// How many the list has when no limit is given, as in the seed (API.md, section 0).
const DEFAULT_LIMIT: u32 = 10_000;

/// Which users, and in which order.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct List {
    /// Contained in the address or the name, without case.
    #[param(value_type = Option<String>)]
    q: Option<String>,
    /// Those with this role.
    #[param(value_type = Option<Role>)]
    role: Option<Role>,
    /// Those that may sign in, or those that may not.
    #[param(value_type = Option<bool>)]
    is_active: Option<bool>,
    /// `created_at` or `email`, with `-` for descending; newest first unless said otherwise.
    #[param(value_type = Option<String>, example = "-created_at")]
    sort: Sort,
}

impl Filters for List {
    fn take(parameters: &mut Parameters) -> Self {
        Self {
            q: parameters.get("q", "q must be a text without NUL", |text| Some(text.to_owned())),
            role: parameters.get("role", "role is user or admin", |text| match text {
                "user" => Some(Role::User),
                "admin" => Some(Role::Admin),
                _ => None,
            }),
            is_active: parameters.get("is_active", "is_active is true or false", |text| match text {
                "true" | "1" => Some(true),
                "false" | "0" => Some(false),
                _ => None,
            }),
            sort: parameters
                .get("sort", "sort is created_at or email, with - for descending", |text| match text {
                    "-created_at" => Some(Sort::Newest),
                    "created_at" => Some(Sort::Oldest),
                    "email" => Some(Sort::ByEmail),
                    "-email" => Some(Sort::ByEmailDescending),
                    _ => None,
                })
                .unwrap_or(Sort::Newest),
        }
    }
}

#[utoipa::path(get, path = "/api/admin/users", tag = "admin", operation_id = "admin.list", security(("bearer" = [])),
    params(List, PageParameters),
    responses((status = 200, body = [UserView], description = "The page.",
            headers(("link" = String, description = "Leads to the next page, if there is one: `rel=\"next\"`."),
                ("x-total-count" = String, description = "How many there are; `10000+` when there are more."))),
        AdminRefusals, QueryRefusals, Failures))]
pub(crate) async fn list(
    _: Admin,
    Query(list): Query<List>,
    page: Page<Position>,
    State(app): State<App>,
) -> Result<(PageHeaders, Json<Vec<UserView>>)> {
    let List { q, role, is_active, sort } = list;
    if page.after().is_some_and(|position| position.sort() != sort) {
        let error = FieldError::query("cursor", "cursor_invalid", "This cursor belongs to another order");
        return Err(Error::Invalid(vec![error]));
    }
    let filter = Filter { q, role, is_active };
    let limit = page.limit_or(DEFAULT_LIMIT);
    let count = store::count_users(app.db(), &filter).await?;
    let users = page.cut(store::list_users(app.db(), &filter, sort, page.after(), limit + 1).await?, limit);
    let headers = page.headers(users.next(|user| user.position(sort)).as_ref(), count);
    Ok((headers, Json(users.into_iter().map(|listed| listed.user.into()).collect())))
}
