use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use frontdesk::access::Admin;
use frontdesk::db::Db;
use frontdesk::openapi::{AdminRefusals, Failures, QueryRefusals};
use frontdesk::page::{LongPageParameters, Page};
use frontdesk::query::{self, Filters, Parameters, Query};
use frontdesk::{App, Error, FieldError, Json, Result, Role, User, UserView};
use http::header::VARY;
use utoipa::IntoParams;

use crate::csv::{self, Format};
use crate::store::{self, Filter, Position, Sort};

/// How many the list has when no limit is given, as in the seed (API.md, section 0).
const DEFAULT_LIMIT: u32 = 10_000;

/// Which users, and in which order.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct List {
    /// A text that the e-mail address or the name contains, in any case. It is trimmed and normalised like a name.
    #[param(value_type = Option<String>, max_length = 254)]
    q: Option<String>,
    /// Only users with this role.
    #[param(value_type = Option<Role>)]
    role: Option<Role>,
    /// `true`: only active users. `false`: only inactive ones. `1`, `0`, `yes`, `no`, `on` and `off` work too.
    #[param(value_type = Option<bool>)]
    is_active: Option<bool>,
    /// The order: `created_at`, `-created_at`, `email` or `-email`. `-` means descending. The default is `-created_at`, newest
    /// first.
    #[param(value_type = Option<String>, example = "-created_at")]
    sort: Sort,
}

impl Filters for List {
    fn take(parameters: &mut Parameters) -> Self {
        Self {
            q: parameters.search("q", "q must be a text without NUL"),
            role: parameters.get("role", "role is user or admin", |text| match text {
                "user" => Some(Role::User),
                "admin" => Some(Role::Admin),
                _ => None,
            }),
            is_active: parameters.get("is_active", "is_active is true or false", query::boolean),
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

/// List users
///
/// Without `limit` the response has up to 10,000 users. A `cursor` is valid only with the same `sort`. With `accept: text/csv`
/// the response is a file of all users that match the filters.
#[utoipa::path(get, path = "/api/admin/users", tag = "admin", operation_id = "admin.list", security(("bearer" = [])),
    params(List, LongPageParameters,
        ("accept" = Option<String>, Header, description = "`text/csv` returns a CSV file. The default is `application/json`.")),
    responses((status = 200, description = "The users, in the order of `sort`, newest first by default.",
            content((Vec<UserView> = "application/json"), (String = "text/csv"))),
        AdminRefusals, QueryRefusals, Failures))]
pub(crate) async fn list(
    admin: Admin,
    Query(list): Query<List>,
    page: Page<Position>,
    format: Format,
    State(app): State<App>,
) -> Result<Response> {
    let List { q, role, is_active, sort } = list;
    if page.after().is_some_and(|position| position.sort() != sort) {
        let error = FieldError::query("cursor", "cursor_invalid", "This cursor belongs to another order");
        return Err(Error::Invalid(vec![error]));
    }
    let filter = Filter { q, role, is_active };
    if format.is_csv {
        let (after, most) = (page.after().cloned(), page.limit_or(u32::MAX));
        return format.file(admin, app, UserList { filter, sort, after }, most).await;
    }
    let limit = page.limit_or(DEFAULT_LIMIT);
    let count = store::count_users(app.db(), &filter).await?;
    let users = page.cut(store::list_users(app.db(), &filter, sort, page.after(), limit + 1).await?, limit);
    let headers = page.headers(users.next(|user| user.position(sort)).as_ref(), count);
    let views: Vec<UserView> = users.into_iter().map(|listed| listed.user.into()).collect();
    Ok((headers, [(VARY, "accept")], Json(views)).into_response())
}

/// The users as a file.
struct UserList {
    filter: Filter,
    sort: Sort,
    /// Where the last one that was read is.
    after: Option<Position>,
}

impl csv::List for UserList {
    const FILE: &'static str = "users.csv";
    const HEAD: &'static [&'static str] = &[
        "id",
        "email",
        "full_name",
        "role",
        "is_active",
        "email_verified",
        "mfa_enabled",
        "created_at",
        "updated_at",
        "last_login_at",
    ];

    async fn next(&mut self, db: &Db, limit: u32) -> Result<Vec<Vec<String>>> {
        let users = store::list_users(db, &self.filter, self.sort, self.after.as_ref(), limit).await?;
        if let Some(last) = users.last() {
            self.after = Some(last.position(self.sort));
        }
        Ok(users.into_iter().map(|listed| cells(listed.user)).collect())
    }
}

fn cells(user: User) -> Vec<String> {
    vec![
        user.id.to_string(),
        user.email,
        user.full_name.unwrap_or_default(),
        user.role.name().to_owned(),
        user.is_active.to_string(),
        user.email_verified.to_string(),
        user.mfa_enabled.to_string(),
        user.created_at,
        user.updated_at,
        user.last_login_at.unwrap_or_default(),
    ]
}
