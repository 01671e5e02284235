//! The audit log as a file: CSV (RFC 4180), read page by page while it is written.
//!
//! Spreadsheets take a cell that begins like a formula for one, and names and addresses in here are anybody's choice: such a cell
//! gets an apostrophe in front, which they take for "this is text".

use std::future::ready;

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use frontdesk::{App, Result, log};
use futures::stream::{self, StreamExt as _};
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, VARY};

use crate::store::{self, AuditEntry, AuditFilter, AuditPosition};

/// How many rows are read at a time.
const PAGE: u32 = 1000;
const HEAD: &str = "id,at,actor_id,action,target_type,target_id,ip,request_id,changes\r\n";
/// What makes a cell a formula when it begins with it.
const FORMULA: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// What is still to be written.
pub(crate) struct Export {
    pub(crate) app: App,
    pub(crate) filter: AuditFilter,
    /// The last row that was read.
    pub(crate) after: Option<AuditPosition>,
    /// The most rows that may follow.
    pub(crate) most: u32,
    pub(crate) request_id: String,
}

impl Export {
    /// The file. Its first page is read before the answer begins, so that what goes wrong then has its status.
    pub(crate) async fn answer(mut self) -> Result<Response> {
        let first = HEAD.to_owned() + &self.read().await?;
        let rest = stream::unfold(self, |mut export| async move {
            if export.most == 0 {
                return None;
            }
            let page = export.read().await;
            if let Err(error) = &page {
                log::error("admin", &export.request_id, error);
                export.most = 0;
            }
            // The client sees that the answer breaks off.
            Some((page.map_err(|_| std::io::Error::other("the audit log cannot be read on")), export))
        });
        let body = Body::from_stream(stream::once(ready(Ok(first))).chain(rest));
        let headers = [
            (CONTENT_TYPE, "text/csv; charset=utf-8"),
            (CONTENT_DISPOSITION, "attachment; filename=\"audit.csv\""),
            (VARY, "accept"),
        ];
        Ok((headers, body).into_response())
    }

    /// The next rows.
    async fn read(&mut self) -> Result<String> {
        let limit = self.most.min(PAGE);
        let entries = store::list_audit(self.app.db(), &self.filter, self.after.as_ref(), limit).await?;
        // However slowly the client reads, no database session waits for it.
        self.app.db().release();
        let count = u32::try_from(entries.len()).unwrap_or(limit);
        self.most = if count < limit { 0 } else { self.most - count };
        self.after = entries.last().map(|entry| entry.position).or(self.after);
        let mut text = String::new();
        for entry in &entries {
            push_row(&mut text, entry);
        }
        Ok(text)
    }
}

fn push_row(text: &mut String, entry: &AuditEntry) {
    let id = entry.id.to_string();
    let actor_id = entry.actor_id.map(|id| id.to_string());
    let cells = [
        Some(id.as_str()),
        Some(&entry.at),
        actor_id.as_deref(),
        Some(&entry.action),
        Some(&entry.target_type),
        entry.target_id.as_deref(),
        entry.ip.as_deref(),
        Some(&entry.request_id),
        Some(&entry.changes),
    ];
    for (column, cell) in cells.into_iter().enumerate() {
        if column > 0 {
            text.push(',');
        }
        push_cell(text, cell.unwrap_or_default());
    }
    text.push_str("\r\n");
}

fn push_cell(text: &mut String, cell: &str) {
    let is_quoted = cell.contains(['"', ',', '\r', '\n']);
    if is_quoted {
        text.push('"');
    }
    if cell.starts_with(FORMULA) {
        text.push('\'');
    }
    text.push_str(&cell.replace('"', "\"\""));
    if is_quoted {
        text.push('"');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(cell: &str) -> String {
        let mut text = String::new();
        push_cell(&mut text, cell);
        text
    }

    #[test]
    fn a_cell_is_quoted_where_it_must_be() {
        assert_eq!(cell("plain"), "plain");
        assert_eq!(cell(""), "");
        assert_eq!(cell("{\"a\": [1, 2]}"), "\"{\"\"a\"\": [1, 2]}\"");
        assert_eq!(cell("two\nlines"), "\"two\nlines\"");
    }

    #[test]
    fn no_cell_is_a_formula() {
        assert_eq!(cell("=1+1"), "'=1+1");
        assert_eq!(cell("+1"), "'+1");
        assert_eq!(cell("-1"), "'-1");
        assert_eq!(cell("@a"), "'@a");
        assert_eq!(cell("\t=1"), "'\t=1");
        assert_eq!(cell("\r=1"), "\"'\r=1\"");
        assert_eq!(cell("=\"a\",1"), "\"'=\"\"a\"\",1\"");
        assert_eq!(cell("a=1"), "a=1");
    }
}
