//! Lists by keyset pages: `?limit=` and `?cursor=` of the query, and the headers that lead to the next page.
//!
//! A cursor holds the position after which the next page begins (times as epoch microseconds, so that nothing is rounded). It
//! gives away nothing that the list did not, and opens nothing, so it is not secret; a checksum tells one that was changed
//! from one that was given out.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, IntoResponseParts, Response, ResponseParts};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::LINK;
use http::request::Parts;
use http::{HeaderName, HeaderValue, Uri};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use utoipa::IntoParams;

use crate::error::{Error, Result};
use crate::query::Parameters;

/// The largest page, and the size of one that was asked for without a limit (API.md, section 0).
const MAX_LIMIT: u32 = 200;
/// See [`MAX_LIMIT`].
const DEFAULT_LIMIT: u32 = 50;
/// Up to this many items `x-total-count` is exact (API.md, section 0).
pub const MAX_EXACT_COUNT: i64 = 10_000;

const CHECKSUM_LENGTH: usize = 8;
const X_TOTAL_COUNT: HeaderName = HeaderName::from_static("x-total-count");

/// The page that was asked for; `P` is the position in the list's order.
#[derive(Debug)]
pub struct Page<P> {
    limit: Option<u32>,
    after: Option<P>,
    uri: Uri,
}

impl<P: Serialize> Page<P> {
    /// How many items to read, with the default of the contract.
    pub fn limit(&self) -> u32 {
        self.limit_or(DEFAULT_LIMIT)
    }

    /// How many items to read, where the list has a default of its own.
    pub fn limit_or(&self, default: u32) -> u32 {
        self.limit.unwrap_or(default)
    }

    /// The position after which the page begins; `None` is the first page.
    pub fn after(&self) -> Option<&P> {
        self.after.as_ref()
    }

    /// The items of this page, of which one more was asked for than it holds: that one says whether there is another page.
    pub fn cut<T>(&self, mut items: Vec<T>, limit: u32) -> Items<T> {
        let has_more = items.len() > limit as usize;
        items.truncate(limit as usize);
        Items { items, has_more }
    }

    /// The headers of an answer: the way to the next page, if there is one, and how many items there are (counted up to one
    /// more than [`MAX_EXACT_COUNT`]).
    pub fn headers(&self, next: Option<&P>, count: i64) -> PageHeaders {
        PageHeaders { link: next.and_then(|position| self.link(position)), count }
    }

    fn link(&self, position: &P) -> Option<HeaderValue> {
        let others = form_urlencoded::parse(self.uri.query().unwrap_or_default().as_bytes())
            .filter(|(name, _)| name != "cursor");
        let query = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(others)
            .append_pair("cursor", &encode(position)?)
            .finish();
        HeaderValue::from_str(&format!("<{}?{query}>; rel=\"next\"", self.uri.path())).ok()
    }
}

impl<P: DeserializeOwned, S: Sync> FromRequestParts<S> for Page<P> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        let mut parameters = Parameters::of(parts);
        let limit =
            parameters.get_strictly("limit", "limit_out_of_range", "limit is a number from 1 to 200", |limit| {
                limit.parse().ok().filter(|number| (1..=MAX_LIMIT).contains(number))
            });
        let after = parameters.get_strictly("cursor", "cursor_invalid", "This cursor was not given out here", decode);
        parameters.finish()?;
        Ok(Self { limit, after, uri: parts.uri.clone() })
    }
}

/// See [`Page::cut`].
#[derive(Debug)]
pub struct Items<T> {
    items: Vec<T>,
    has_more: bool,
}

impl<T> Items<T> {
    /// Where the next page begins, if there is one.
    pub fn next<P>(&self, position: impl FnOnce(&T) -> P) -> Option<P> {
        self.items.last().filter(|_| self.has_more).map(position)
    }
}

impl<T> IntoIterator for Items<T> {
    type Item = T;
    type IntoIter = std::vec::IntoIter<T>;

    fn into_iter(self) -> Self::IntoIter {
        self.items.into_iter()
    }
}

/// The parameters of every list, for the document.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only the document reads it: Page takes the parameters")]
pub struct PageParameters {
    /// The largest number of items to return: 1 to 200. The default is 50.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
    /// Where the page begins: the `cursor` in the URL of the `link` header of the page before.
    cursor: Option<String>,
}

/// The same of a list that is returned whole unless a limit is given.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only the document reads it: Page takes the parameters")]
pub struct LongPageParameters {
    /// The largest number of items to return: 1 to 200. Without it, up to 10,000 are returned.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
    /// Where the page begins: the `cursor` in the URL of the `link` header of the page before.
    cursor: Option<String>,
}

/// See [`Page::headers`].
#[derive(Debug)]
pub struct PageHeaders {
    link: Option<HeaderValue>,
    count: i64,
}

impl IntoResponseParts for PageHeaders {
    type Error = Infallible;

    fn into_response_parts(self, mut parts: ResponseParts) -> std::result::Result<ResponseParts, Infallible> {
        if let Some(link) = self.link {
            parts.headers_mut().insert(LINK, link);
        }
        let count = if self.count > MAX_EXACT_COUNT { format!("{MAX_EXACT_COUNT}+") } else { self.count.to_string() };
        if let Ok(count) = HeaderValue::from_str(&count) {
            parts.headers_mut().insert(X_TOTAL_COUNT, count);
        }
        Ok(parts)
    }
}

impl IntoResponse for PageHeaders {
    fn into_response(self) -> Response {
        (self, ()).into_response()
    }
}

fn encode(position: &impl Serialize) -> Option<String> {
    let payload = serde_json::to_vec(position).ok()?;
    let mut cursor = checksum(&payload).to_vec();
    cursor.extend(payload);
    Some(URL_SAFE_NO_PAD.encode(cursor))
}

fn decode<P: DeserializeOwned>(cursor: &str) -> Option<P> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
    let (given, payload) = bytes.split_first_chunk::<CHECKSUM_LENGTH>()?;
    if *given != checksum(payload) {
        return None;
    }
    // The checksum is against accidents: whoever makes a cursor must still not reach what Postgres cannot take.
    let value: Value = serde_json::from_slice(payload).ok()?;
    if is_storable(&value) { serde_json::from_value(value).ok() } else { None }
}

/// Whether it holds neither NUL nor a number that is no time, in microseconds (up to the year 2255).
fn is_storable(value: &Value) -> bool {
    match value {
        Value::String(text) => !text.contains('\0'),
        Value::Number(number) => number.as_i64().is_some_and(|number| number.unsigned_abs() < 1 << 53),
        Value::Array(values) => values.iter().all(is_storable),
        Value::Object(fields) => fields.values().all(is_storable),
        Value::Null | Value::Bool(_) => true,
    }
}

fn checksum(payload: &[u8]) -> [u8; CHECKSUM_LENGTH] {
    let digest = Sha256::new().chain_update("frontdesk cursor").chain_update(payload).finalize();
    digest.first_chunk().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    type Position = (i64, String);

    fn page(uri: &str) -> Result<Page<Position>> {
        let mut parts = http::Request::builder().uri(uri).body(()).unwrap().into_parts().0;
        futures::executor::block_on(Page::from_request_parts(&mut parts, &()))
    }

    #[test]
    fn a_cursor_that_somebody_has_made_holds_nothing_that_postgres_cannot_take() {
        for position in [(i64::MAX, String::new()), (i64::MIN, String::new()), (0, "a\0".to_owned())] {
            assert_eq!(decode::<Position>(&encode(&position).unwrap()), None, "{position:?}");
        }
        let position = (1_795_000_000_000_000, "a".to_owned());
        assert_eq!(decode::<Position>(&encode(&position).unwrap()), Some(position));
    }

    #[test]
    fn the_next_link_leads_to_the_position_and_keeps_the_other_parameters() {
        let first = page("/api/things?q=a%20b&limit=7").unwrap();
        assert_eq!((first.limit(), first.after()), (7, None));
        let headers =
            first.headers(Some(&(1_700_000_000_123_456, "id".to_owned())), 12).into_response().headers().clone();
        assert_eq!(headers["x-total-count"], "12");
        let link = headers["link"].to_str().unwrap().to_owned();
        let target = link.strip_prefix('<').and_then(|rest| rest.strip_suffix(">; rel=\"next\"")).unwrap();
        assert!(target.starts_with("/api/things?q=a+b&limit=7&cursor="), "{target}");
        assert_eq!(page(target).unwrap().after(), Some(&(1_700_000_000_123_456, "id".to_owned())));
    }

    #[test]
    fn a_cursor_with_any_character_changed_is_refused() {
        let cursor = encode(&(7_i64, "id".to_owned())).unwrap();
        assert!(page(&format!("/?cursor={cursor}")).is_ok());
        for at in 0..cursor.len() {
            let mut changed = cursor.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            assert!(page(&format!("/?cursor={changed}")).is_err(), "{changed} passed for {cursor}");
        }
        for cursor in ["", "A", "%00", &cursor[1..]] {
            assert!(page(&format!("/?cursor={cursor}")).is_err(), "{cursor} passed");
        }
    }

    #[test]
    fn a_limit_is_from_1_to_200() {
        for limit in ["0", "201", "-1", "x", "", "1e2", "99999999999"] {
            assert!(page(&format!("/?limit={limit}")).is_err(), "{limit} passed");
        }
        assert_eq!(page("/?limit=200").unwrap().limit(), 200);
        assert_eq!(page("/").unwrap().limit(), 50);
        assert_eq!(page("/").unwrap().limit_or(10_000), 10_000);
    }

    #[test]
    fn of_several_limits_and_cursors_the_last_counts() {
        let cursor = encode(&(7_i64, "id".to_owned())).unwrap();
        let last = page(&format!("/?limit=0&limit=7&cursor=A&cursor={cursor}")).unwrap();
        assert_eq!((last.limit(), last.after()), (7, Some(&(7, "id".to_owned()))));
        for query in ["limit=7&limit=0", "limit=7&limit=", "cursor="] {
            assert!(page(&format!("/?{query}")).is_err(), "{query} passed");
        }
    }

    #[test]
    fn a_count_over_ten_thousand_is_told_as_such() {
        let headers = page("/").unwrap().headers(None, 10_001).into_response().headers().clone();
        assert_eq!(headers["x-total-count"], "10000+");
        assert!(!headers.contains_key("link"));
    }
}
