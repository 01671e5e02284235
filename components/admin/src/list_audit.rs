use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use chrono::DateTime;
use frontdesk::access::Admin;
use frontdesk::db::Db;
use frontdesk::openapi::{AdminRefusals, Failures, QueryRefusals};
use frontdesk::page::{Page, PageParameters};
use frontdesk::query::{Filters, Parameters, Query};
use frontdesk::{App, Json, Result};
use http::header::VARY;
use utoipa::IntoParams;
use uuid::Uuid;

use crate::csv::{self, Format};
use crate::store::{self, AuditEntry, AuditFilter, AuditPosition};
use crate::views::{AuditAction, AuditView};

/// Which rows.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only the document reads it: AuditFilter takes the parameters")]
pub(crate) struct ListAudit {
    /// Only what the user with this id did.
    actor_id: Option<Uuid>,
    /// Only this action.
    #[param(value_type = Option<AuditAction>)]
    action: Option<String>,
    /// Only what was done to this: the id of a user, group or session, the key of an app, or the name of a limit.
    target_id: Option<String>,
    /// Only entries at or after this time: RFC 3339, for example `2026-01-31T12:00:00Z`. A `+` is written as `%2B`.
    #[param(format = DateTime)]
    since: Option<String>,
    /// Only entries before this time, in the same form.
    #[param(format = DateTime)]
    until: Option<String>,
}

impl Filters for AuditFilter {
    fn take(parameters: &mut Parameters) -> Self {
        let time = |text: &str| DateTime::parse_from_rfc3339(text).ok().map(|time| time.timestamp_micros());
        let text = |text: &str| Some(text.to_owned());
        Self {
            actor_id: parameters.get("actor_id", "actor_id is a UUID", |text| text.parse().ok()),
            action: parameters.get("action", "action must be a text without NUL", text),
            target_ids: parameters
                .get("target_id", "target_id must be a text without NUL", |text| Some(target_ids(text))),
            since_us: parameters.get("since", "since is a time like 2026-01-31T12:00:00Z", time),
            until_us: parameters.get("until", "until is a time like 2026-01-31T12:00:00Z", time),
        }
    }
}

/// The texts that it may be in the log: an id is there in one form, however it is written here.
fn target_ids(text: &str) -> Vec<String> {
    let id = text.parse::<Uuid>().ok().map(|id| id.to_string());
    id.into_iter().chain([text.to_owned()]).collect()
}

/// The log as a file.
struct AuditList {
    filter: AuditFilter,
    /// The last row that was read.
    after: Option<AuditPosition>,
}

impl csv::List for AuditList {
    const FILE: &'static str = "audit.csv";
    const HEAD: &'static [&'static str] =
        &["id", "at", "actor_id", "action", "target_type", "target_id", "ip", "request_id", "changes"];

    async fn next(&mut self, db: &Db, limit: u32) -> Result<Vec<Vec<String>>> {
        let entries = store::list_audit(db, &self.filter, self.after.as_ref(), limit).await?;
        self.after = entries.last().map(|entry| entry.position).or(self.after);
        Ok(entries.into_iter().map(cells).collect())
    }
}

fn cells(entry: AuditEntry) -> Vec<String> {
    let AuditEntry { id, at, actor_id, action, target_type, target_id, ip, request_id, changes, .. } = entry;
    let actor_id = actor_id.map(|id| id.to_string()).unwrap_or_default();
    let (target_id, ip) = (target_id.unwrap_or_default(), ip.unwrap_or_default());
    vec![id.to_string(), at, actor_id, action, target_type, target_id, ip, request_id, changes]
}

/// List audit entries
///
/// The audit log has an entry for every sign-in event and every change by an admin. With `accept: text/csv` the response is a
/// file of all entries that match the filters.
#[utoipa::path(get, path = "/api/admin/audit", tag = "admin", operation_id = "admin.list_audit",
    security(("bearer" = [])),
    params(ListAudit, PageParameters,
        ("accept" = Option<String>, Header, description = "`text/csv` returns a CSV file. The default is `application/json`.")),
    responses((status = 200, description = "The entries, newest first.",
            content((Vec<AuditView> = "application/json"), (String = "text/csv"))),
        AdminRefusals, QueryRefusals, Failures))]
pub(crate) async fn list_audit(
    admin: Admin,
    Query(filter): Query<AuditFilter>,
    page: Page<AuditPosition>,
    format: Format,
    State(app): State<App>,
) -> Result<Response> {
    if format.is_csv {
        let (after, most) = (page.after().copied(), page.limit_or(u32::MAX));
        return format.file(admin, app, AuditList { filter, after }, most).await;
    }
    let limit = page.limit();
    let count = store::count_audit(app.db(), &filter).await?;
    let entries = page.cut(store::list_audit(app.db(), &filter, page.after(), limit + 1).await?, limit);
    let headers = page.headers(entries.next(|entry| entry.position).as_ref(), count);
    let views: Vec<_> = entries.into_iter().map(AuditView::from).collect();
    Ok((headers, [(VARY, "accept")], Json(views)).into_response())
}
