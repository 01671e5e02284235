//! A file that is part of the component, and how it is answered.

use axum::response::{IntoResponse as _, Response};
use frontdesk::etag;
use http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG};
use http::{HeaderMap, HeaderValue, StatusCode};

/// A file that is part of the component, as `build.rs` prepared it.
#[derive(Clone, Copy)]
pub(crate) struct Asset {
    pub(crate) content_type: &'static str,
    /// With its quotes.
    pub(crate) etag: &'static str,
    /// Whatever the client says that it takes: no browser refuses gzip, and nothing else has a use for such a file.
    pub(crate) is_gzip: bool,
    pub(crate) bytes: &'static [u8],
}

/// The [`Asset`] of a file: `asset!("name", "content/type")`, and `asset!(gzip "name", "content/type")` when it is compressed.
macro_rules! asset {
    (gzip $name:literal, $content_type:literal) => {
        $crate::asset::Asset { is_gzip: true, ..asset!($name, $content_type) }
    };
    ($name:literal, $content_type:literal) => {
        $crate::asset::Asset {
            content_type: $content_type,
            etag: include_str!(concat!(env!("OUT_DIR"), "/", $name, ".etag")),
            is_gzip: false,
            bytes: include_bytes!(concat!(env!("OUT_DIR"), "/", $name)),
        }
    };
}
pub(crate) use asset;

impl Asset {
    /// The file, or 304 for who has it. Asked for each time, so that after an upgrade nobody sees the old one.
    pub(crate) fn answer(self, asked: &HeaderMap) -> Response {
        let caching = [(ETAG, self.etag), (CACHE_CONTROL, "no-cache")];
        if etag::is_known(asked, self.etag) {
            return (StatusCode::NOT_MODIFIED, caching).into_response();
        }
        let mut response = (caching, [(CONTENT_TYPE, self.content_type)], self.bytes).into_response();
        if self.is_gzip {
            response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        response
    }
}
