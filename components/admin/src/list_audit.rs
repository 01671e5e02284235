//! What was done, by whom: the audit log, as a list or as a file.

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
use crate::views::AuditView;

/// Which rows.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only the document reads it: AuditFilter takes the parameters")]
pub(crate) struct ListAudit {
    /// Who did it.
    actor_id: Option<Uuid>,
    /// What was done.
    #[param(example = "user.updated")]
    action: Option<String>,
    /// To which user or group, by id, or to which settings.
    target_id: Option<String>,
    /// Not before this time (RFC 3339; a `+` in it is written `%2B`).
    #[param(format = DateTime)]
    since: Option<String>,
    /// Before this time.
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

#[utoipa::path(get, path = "/api/admin/audit", tag = "admin", operation_id = "admin.list_audit",
    security(("bearer" = [])),
    params(ListAudit, PageParameters,
        ("accept" = Option<String>, Header, description = "`text/csv` for a file of all rows, newest first: `limit` \
            and `cursor` need not be given.")),
    responses((status = 200, description = "The page, newest first; or the file.",
            content((Vec<AuditView> = "application/json"), (String = "text/csv")),
            headers(("link" = String, description = "Leads to the next page, if there is one: `rel=\"next\"`."),
                ("x-total-count" = String, description = "How many there are; `10000+` when there are more."))),
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
