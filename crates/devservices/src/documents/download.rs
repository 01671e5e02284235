//! Download a document's content, or a part of it.

use std::io::{self, SeekFrom};

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use bytes::{Bytes, BytesMut};
use futures::{Stream, stream};
use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG,
    IF_NONE_MATCH, IF_RANGE, RANGE, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use tokio::fs::File;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};

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
    let found = documents.on_disk(move |store| store.open_content(&caller, id)).await?;
    let (document, content) = found.ok_or(Error::NotFound)?;
    let mut content = File::from_std(content);
    let mut answer = match asked(&document, &method, &headers) {
        None => StatusCode::NOT_MODIFIED.into_response(),
        Some(Asked::Whole) => with(Body::from_stream(read(content, document.size)), CONTENT_LENGTH, document.size)?,
        Some(Asked::Part(first, last)) => {
            content.seek(SeekFrom::Start(first)).await.map_err(Error::internal)?;
            let length = last - first + 1;
            let answer = with(Body::from_stream(read(content, length)), CONTENT_LENGTH, length)?;
            let range = format!("bytes {first}-{last}/{}", document.size);
            (StatusCode::PARTIAL_CONTENT, with(answer, CONTENT_RANGE, range)?).into_response()
        }
        Some(Asked::Nothing) => {
            let answer = StatusCode::RANGE_NOT_SATISFIABLE.into_response();
            return with(answer, CONTENT_RANGE, format!("bytes */{}", document.size));
        }
    };
    describe(&document, &mut answer)?;
    Ok(answer)
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

/// So many bytes of a file from where it stands. A file that is shorter breaks the answer off.
fn read(content: File, length: u64) -> impl Stream<Item = io::Result<Bytes>> {
    stream::try_unfold(content.take(length), |mut content| async move {
        let mut chunk = BytesMut::with_capacity(CHUNK);
        let length = content.read_buf(&mut chunk).await?;
        Ok((length > 0).then(|| (chunk.freeze(), content)))
    })
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
