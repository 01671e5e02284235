//! A list as a file: CSV (RFC 4180), read page by page while it is written.
//!
//! Spreadsheets take a cell that begins like a formula for one, and names and addresses in here are anybody's choice: such a cell
//! gets an apostrophe in front, which they take for "this is text". Which separator they split the file at is their choice too,
//! so every part of a cell that may become a cell gets one: docs/decisions/0014.
//!
//! A file can take as long as its reader likes, so for each page after the first it is asked again whether they may read it.

use std::convert::Infallible;
use std::future::ready;

use axum::body::Body;
use axum::extract::FromRequestParts;
use axum::response::{IntoResponse as _, Response};
use frontdesk::access::Admin;
use frontdesk::db::Db;
use frontdesk::{App, Result, log, request_id_of, text};
use futures::stream::{self, StreamExt as _};
use http::header::{ACCEPT, CONTENT_DISPOSITION, CONTENT_TYPE, VARY};
use http::request::Parts;

/// How many rows are read at a time.
const PAGE: u32 = 1000;
/// What a formula begins with; some spreadsheets take the wide and the small forms for the same.
const FORMULA: [char; 12] = ['=', '+', '-', '@', '＝', '＋', '－', '＠', '﹦', '﹢', '﹣', '﹫'];
/// Behind what a cell begins for a spreadsheet that reads other separators or quotes than ours.
const SEPARATORS: [char; 3] = [',', ';', '\t'];
/// With what no cell begins that is meant to be text; what drops it has been known to take the rest for a formula.
const NO_TEXT: [char; 3] = ['\t', '\r', '\n'];

/// A list that can be written as a file.
pub(crate) trait List: Send + 'static {
    /// What the file is called.
    const FILE: &'static str;
    /// The names of the columns.
    const HEAD: &'static [&'static str];

    /// The next rows, at most so many; fewer when they are the last. What is absent is empty.
    fn next(&mut self, db: &Db, limit: u32) -> impl Future<Output = Result<Vec<Vec<String>>>> + Send;
}

/// In which form somebody wants a list.
pub(crate) struct Format {
    /// As a file.
    pub(crate) is_csv: bool,
    request_id: String,
}

impl<S: Sync> FromRequestParts<S> for Format {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> std::result::Result<Self, Infallible> {
        let is_csv = prefers_csv(parts.headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok()));
        Ok(Self { is_csv, request_id: request_id_of(parts).to_owned() })
    }
}

/// CSV is for those who name it and want it at least as much as JSON (RFC 9110, 12.5.1). Of two that are wanted alike, the one counts
/// that is named, and then the one that is named first.
fn prefers_csv<'a>(lines: impl Iterator<Item = &'a str>) -> bool {
    let ranges: Vec<(String, f32)> = lines.flat_map(|line| line.split(',')).map(range_and_weight).collect();
    let find = |name: &str| {
        let at = ranges.iter().position(|(range, _)| range == name)?;
        ranges.get(at).map(|(_, weight)| (*weight, at))
    };
    let Some((csv, csv_at)) = find("text/csv").filter(|(weight, _)| *weight > 0.0) else { return false };
    match find("application/json") {
        Some((json, json_at)) => csv > json || csv == json && csv_at < json_at,
        None => find("application/*").or_else(|| find("*/*")).is_none_or(|(json, _)| csv >= json),
    }
}

/// A media range in lower case, without its parameters, and how much it is wanted.
fn range_and_weight(range: &str) -> (String, f32) {
    let mut parts = range.split(';');
    let name = parts.next().unwrap_or_default().trim().to_ascii_lowercase();
    let weight = parts.find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("q").then(|| value.trim().parse().unwrap_or(0.0))
    });
    (name, weight.unwrap_or(1.0))
}

impl Format {
    /// The file, with at most so many rows. Its first page is read before the answer begins, so that what goes wrong then has its
    /// status.
    pub(crate) async fn file<L: List>(self, admin: Admin, app: App, list: L, most: u32) -> Result<Response> {
        let mut export = Export { admin, app, list, most, request_id: self.request_id };
        let mut first = String::new();
        push_row(&mut first, L::HEAD.iter().copied());
        first.push_str(&export.read().await?);
        let rest = stream::unfold(export, |mut export| async move {
            if export.most == 0 {
                return None;
            }
            let page = export.read_on().await;
            if let Err(error) = &page {
                log::error("admin", &export.request_id, error);
                export.most = 0;
            }
            // The client sees that the answer breaks off.
            Some((page.map_err(|_| std::io::Error::other("the list cannot be read on")), export))
        });
        let body = Body::from_stream(stream::once(ready(Ok(first))).chain(rest));
        let headers = [
            (CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()),
            (CONTENT_DISPOSITION, format!("attachment; filename=\"{}\"", L::FILE)),
            (VARY, "accept".to_owned()),
        ];
        Ok((headers, body).into_response())
    }
}

/// What is still to be written.
struct Export<L> {
    admin: Admin,
    app: App,
    list: L,
    /// The most rows that may follow.
    most: u32,
    request_id: String,
}

impl<L: List> Export<L> {
    /// The next rows, if the reader may still have them.
    async fn read_on(&mut self) -> Result<String> {
        let still = self.admin.still(&self.app).await;
        if still.is_err() {
            self.app.db().release();
        }
        still?;
        self.read().await
    }

    /// The next rows.
    async fn read(&mut self) -> Result<String> {
        let limit = self.most.min(PAGE);
        let rows = self.list.next(self.app.db(), limit).await?;
        // However slowly the client reads, no database session waits for it.
        self.app.db().release();
        let count = u32::try_from(rows.len()).unwrap_or(limit);
        self.most = if count < limit { 0 } else { self.most - count };
        let mut text = String::new();
        for row in &rows {
            push_row(&mut text, row.iter().map(String::as_str));
        }
        Ok(text)
    }
}

fn push_row<'a>(text: &mut String, cells: impl Iterator<Item = &'a str>) {
    for (column, cell) in cells.enumerate() {
        if column > 0 {
            text.push(',');
        }
        push_cell(text, cell);
    }
    text.push_str("\r\n");
}

fn push_cell(text: &mut String, cell: &str) {
    text.push('"');
    if cell.starts_with(NO_TEXT) || parts(cell).any(is_formula) {
        text.push('\'');
    }
    for (number, part) in parts(cell).enumerate() {
        if number > 0 && is_formula(part) {
            text.push('\'');
        }
        text.push_str(&part.replace('"', "\"\""));
    }
    text.push('"');
}

/// What may become a cell of its own, each with the separator behind it.
fn parts(cell: &str) -> impl Iterator<Item = &str> {
    cell.split_inclusive(|letter| SEPARATORS.contains(&letter) || is_line_break(letter))
}

fn is_line_break(letter: char) -> bool {
    matches!(letter, '\n'..='\r' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// Whether a spreadsheet may take it for a formula, once it has dropped what it does not show, and the quotes.
fn is_formula(part: &str) -> bool {
    part.trim_start_matches(is_dropped).starts_with(FORMULA)
}

fn is_dropped(letter: char) -> bool {
    letter == '"' || letter.is_whitespace() || letter.is_control() || text::is_invisible(letter)
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
    fn every_cell_is_quoted() {
        assert_eq!(cell("plain"), "\"plain\"");
        assert_eq!(cell(""), "\"\"");
        assert_eq!(cell("{\"a\": [1, 2]}"), "\"{\"\"a\"\": [1, 2]}\"");
        assert_eq!(cell("two\nlines"), "\"two\nlines\"");
    }

    #[test]
    fn csv_is_for_those_who_want_it_at_least_as_much_as_json() {
        for accept in [
            "text/csv",
            "Text/CSV; header=present",
            "text/csv, application/json;q=0.5",
            "text/csv,*/*",
            "application/json;q=0.5, text/csv;q=0.9",
            "text/csv, application/json",
            "*/*, text/csv",
            "text/csv; q = 0.5, application/json; q = 0.1",
            "application/json;q=0, text/csv;q=0.1",
        ] {
            assert!(prefers_csv([accept].into_iter()), "{accept}");
        }
        for accept in [
            "",
            "*/*",
            "text/*",
            "application/json, text/csv",
            "text/csvx",
            "application/csv",
            "text/csv;q=0",
            "text/csv; q=0, application/json",
            "text/csv;q=0.1, application/json",
            "text/csv;q=nonsense",
            "text/csv;q=NaN, application/json;q=0.1",
            "text/csv; q = 0.1, application/json",
            "text/csv;q=0.5, application/*",
            "text/csv;q=0.5, */*",
        ] {
            assert!(!prefers_csv([accept].into_iter()), "{accept}");
        }
        // Several lines are one list.
        assert!(prefers_csv(["application/json;q=0.5", "text/csv"].into_iter()));
        assert!(!prefers_csv(["application/json", "text/csv;q=0.5"].into_iter()));
        assert!(!prefers_csv(["text/csv;q=0.5", "application/json"].into_iter()));
    }

    #[test]
    fn no_cell_is_a_formula() {
        for formula in [
            "=1+1",
            "+1",
            "-1",
            "@a",
            "\t",
            "\rx",
            "\nx",
            " =1",
            "\u{a0}-1",
            "\u{feff}=1",
            "\0=1",
            "＝1",
            "﹣1",
            "\u{180b}=1",
            "\u{3164}+1",
            "\u{e0001}-1",
            "\u{2800}@a",
        ] {
            assert_eq!(cell(formula), format!("\"'{formula}\""), "{formula:?}");
        }
        assert_eq!(cell("=\"a\",1"), "\"'=\"\"a\"\",1\"");
        assert_eq!(cell("\"=1\""), "\"'\"\"=1\"\"\"");
        for harmless in ["a=1", "a-b", "a, b-1", "ada@example.com", "a:=1", "a\nb", "'=1", "", "\"", ";;"] {
            assert!(cell(harmless).starts_with(&format!("\"{}", harmless.replace('"', "\"\""))), "{harmless:?}");
        }
    }

    #[test]
    fn no_part_of_a_cell_is_a_formula() {
        for (given, written) in [
            ("a,=1", "'a,'=1"),
            ("a;+1;b", "'a;'+1;b"),
            ("a\t-1", "'a\t'-1"),
            ("a;b;@c", "'a;b;'@c"),
            ("a; =1", "'a;' =1"),
            ("a;\"=1\"", "'a;'\"\"=1\"\""),
            ("a\n=1", "'a\n'=1"),
            ("a\r\n=1", "'a\r\n'=1"),
            ("a\u{2028}＝1", "'a\u{2028}'＝1"),
            ("\t=1", "'\t'=1"),
            ("=1;=2", "'=1;'=2"),
            (";\";=1", "';\"\";'=1"),
            ("[null, -1]", "'[null,' -1]"),
        ] {
            assert_eq!(cell(given), format!("\"{written}\""), "{given:?}");
        }
    }

    #[test]
    fn no_file_has_a_formula_wherever_it_is_split() {
        // All cells of up to five of these.
        const LETTERS: [char; 9] = ['=', '-', ',', ';', '\t', '\n', ' ', '"', 'a'];
        let mut cells = vec![String::new()];
        let mut begin = 0;
        for _ in 0..5 {
            let end = cells.len();
            for at in begin..end {
                cells.extend(LETTERS.map(|letter| format!("{}{letter}", cells[at])));
            }
            begin = end;
        }
        for cell in &cells {
            let mut text = String::new();
            push_row(&mut text, [cell.as_str(), "a", cell].into_iter());
            for part in text.split([',', ';', '\t', '\r', '\n']) {
                assert!(!part.trim_start_matches([' ', '"']).starts_with(['=', '-']), "{cell:?} became {text}");
            }
        }
    }
}
