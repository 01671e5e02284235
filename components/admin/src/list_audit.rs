//! What was done, by whom: the audit log, as a list or as a file.

use axum::extract::{FromRequestParts, State};
use axum::response::{IntoResponse as _, Response};
use chrono::DateTime;
use frontdesk::access::Admin;
use frontdesk::openapi::{AdminRefusals, Failures, QueryRefusals};
use frontdesk::page::{Page, PageParameters};
use frontdesk::query::{Filters, Parameters, Query};
use frontdesk::{App, Error, Json, Result, request_id_of};
use http::header::{ACCEPT, VARY};
use http::request::Parts;
use utoipa::IntoParams;
use uuid::Uuid;

use crate::csv::Export;
use crate::store::{self, AuditFilter, AuditPosition};
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
            target_id: parameters.get("target_id", "target_id must be a text without NUL", text),
            since_us: parameters.get("since", "since is a time like 2026-01-31T12:00:00Z", time),
            until_us: parameters.get("until", "until is a time like 2026-01-31T12:00:00Z", time),
        }
    }
}

/// Which rows, which page of them, and in which form.
pub(crate) struct Asked {
    filter: AuditFilter,
    page: Page<AuditPosition>,
    is_csv: bool,
    request_id: String,
}

impl<S: Sync> FromRequestParts<S> for Asked {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        let Query(filter) = Query::from_request_parts(parts, state).await?;
        let page = Page::from_request_parts(parts, state).await?;
        let is_csv = parts.headers.get_all(ACCEPT).iter().any(|value| value.to_str().is_ok_and(prefers_csv));
        Ok(Self { filter, page, is_csv, request_id: request_id_of(parts).to_owned() })
    }
}

/// CSV is for those who name it, and not JSON before it.
fn prefers_csv(accept: &str) -> bool {
    let names = accept.split(',').map(|range| range.split(';').next().unwrap_or_default().trim());
    let mut known =
        names.filter(|name| ["text/csv", "application/json"].iter().any(|it| it.eq_ignore_ascii_case(name)));
    known.next().is_some_and(|name| name.eq_ignore_ascii_case("text/csv"))
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
pub(crate) async fn list_audit(_: Admin, asked: Asked, State(app): State<App>) -> Result<Response> {
    let Asked { filter, page, is_csv, request_id } = asked;
    if is_csv {
        let (after, most) = (page.after().copied(), page.limit_or(u32::MAX));
        return Export { app, filter, after, most, request_id }.answer().await;
    }
    let limit = page.limit();
    let count = store::count_audit(app.db(), &filter).await?;
    let entries = page.cut(store::list_audit(app.db(), &filter, page.after(), limit + 1).await?, limit);
    let headers = page.headers(entries.next(|entry| entry.position).as_ref(), count);
    let views: Vec<_> = entries.into_iter().map(AuditView::from).collect();
    Ok((headers, [(VARY, "accept")], Json(views)).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn csv_is_for_those_who_name_it_first() {
        for accept in ["text/csv", "Text/CSV; header=present", "text/csv, application/json;q=0.5", "text/csv,*/*"] {
            assert!(prefers_csv(accept), "{accept}");
        }
        for accept in ["", "*/*", "text/*", "application/json, text/csv", "text/csvx", "application/csv"] {
            assert!(!prefers_csv(accept), "{accept}");
        }
    }
}
