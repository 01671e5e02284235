//! Download a document's content, or a part of it.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use bytes::{Bytes, BytesMut};
use futures::stream::{self, StreamExt as _};
use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG,
    IF_NONE_MATCH, IF_RANGE, RANGE, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use tokio::io::AsyncReadExt as _;

use super::Documents;
use super::caller::{Caller, Id};
use super::document::Document;
use super::file_name;
use super::range::Asked;
use crate::{Error, Result};

/// How much is read at a time, in bytes.
const CHUNK: usize = 64 * 1024;

pub(super) async fn download(
    caller: Caller,
    Id(id): Id,
    State(documents): State<Documents>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response> {
    let found = documents.on_disk(move |store| {
        let Some((document, file)) = store.open_content(&caller, id)? else { return Ok(None) };
        let asked = asked(&document, &method, &headers);
        let at_once = if method == Method::HEAD { 0 } else { CHUNK };
        let content = match asked {
            Some(Asked::Whole) => Some(Content::read(file, 0, document.size, at_once)?),
            Some(Asked::Part(first, last)) => Some(Content::read(file, first, last - first + 1, at_once)?),
            Some(Asked::Nothing) | None => None,
        };
        Ok(Some((document, asked, content)))
    });
    let (document, asked, content) = found.await?.ok_or(Error::NotFound)?;
    if matches!(asked, Some(Asked::Nothing)) {
        let answer = StatusCode::RANGE_NOT_SATISFIABLE.into_response();
        return with(answer, CONTENT_RANGE, format!("bytes */{}", document.size));
    }
    let mut answer = match content {
        Some(content) => {
            let length = content.length;
            with(content.into_body(), CONTENT_LENGTH, length)?
        }
        None => StatusCode::NOT_MODIFIED.into_response(),
    };
    if let Some(Asked::Part(first, last)) = asked {
        *answer.status_mut() = StatusCode::PARTIAL_CONTENT;
        answer = with(answer, CONTENT_RANGE, format!("bytes {first}-{last}/{}", document.size))?;
    }
    describe(&document, &mut answer)?;
    Ok(answer)
}

/// So many bytes of a file. The first of them have been read, so that what is small leaves in one packet with the answer's head.
struct Content {
    length: u64,
    begun: Vec<u8>,
    file: File,
}

impl Content {
    fn read(mut file: File, from: u64, length: u64, at_once: usize) -> io::Result<Self> {
        file.seek(SeekFrom::Start(from))?;
        let at_once = usize::try_from(length).map_or(at_once, |length| length.min(at_once));
        let mut begun = Vec::with_capacity(at_once);
        (&mut file).take(at_once as u64).read_to_end(&mut begun)?;
        Ok(Self { length, begun, file })
    }

    /// A file that is shorter breaks the answer off.
    fn into_body(self) -> Body {
        let left = self.length.saturating_sub(self.begun.len() as u64);
        if left == 0 {
            return self.begun.into();
        }
        let rest = stream::try_unfold(tokio::fs::File::from_std(self.file).take(left), |mut content| async move {
            let mut chunk = BytesMut::with_capacity(CHUNK);
            let length = content.read_buf(&mut chunk).await?;
            io::Result::Ok((length > 0).then(|| (chunk.freeze(), content)))
        });
        Body::from_stream(stream::iter([Ok(Bytes::from(self.begun))]).chain(rest))
    }
}

/// What of the document is asked for; `None` when the client has it.
fn asked(document: &Document, method: &Method, headers: &HeaderMap) -> Option<Asked> {
    let etag = document.etag();
    let text = |value: &HeaderValue| value.to_str().unwrap_or_default().to_owned();
    let known = headers.get_all(IF_NONE_MATCH).iter().map(text).collect::<Vec<_>>().join(",");
    if known.split(',').map(str::trim).any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag) {
        return None;
    }
    let is_same = headers.get(IF_RANGE).is_none_or(|tag| tag.as_bytes() == etag.as_bytes());
    match headers.get(RANGE).filter(|_| is_same && method == Method::GET) {
        Some(range) => Some(Asked::parse(&text(range), document.size)),
        None => Some(Asked::Whole),
    }
}

/// The headers that an answer and its 304 have in common, and those of the document.
fn describe(document: &Document, answer: &mut Response) -> Result<()> {
    let headers = answer.headers_mut();
    headers.insert(ETAG, HeaderValue::try_from(document.etag()).map_err(Error::internal)?);
    // Kept by the caller's browser only, and asked for each time: it may be deleted.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(CONTENT_TYPE, HeaderValue::try_from(&document.content_type).map_err(Error::internal)?);
    let disposition = file_name::disposition(&document.name);
    headers.insert(CONTENT_DISPOSITION, HeaderValue::try_from(disposition).map_err(Error::internal)?);
    Ok(())
}

fn with<T>(answer: impl axum::response::IntoResponse, name: HeaderName, value: T) -> Result<Response>
where
    HeaderValue: TryFrom<T, Error: std::fmt::Display>,
{
    let mut answer = answer.into_response();
    answer.headers_mut().insert(name, HeaderValue::try_from(value).map_err(Error::internal)?);
    Ok(answer)
}
