//! Upload a document: as a form with a part `file`, or as a body of its own with its name in the header `x-file-name`.

use axum::Json;
use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, Request, State};
use futures::StreamExt as _;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use multer::{Constraints, Field, Multipart, SizeLimit};
use serde::Deserialize;
use uuid::Uuid;

use super::caller::Caller;
use super::document::{Document, new_id, now};
use super::list::parse_category;
use super::receive::{Received, Receiving};
use super::{Documents, file_name};
use crate::{Error, Result};

/// What a form puts around a file, in bytes.
const WRAPPING: u64 = 64 * 1024;
/// How long the id of a category may be, in bytes.
const MAX_CATEGORY: usize = 64;

/// Where a body of its own says its category; a form may say it here too.
#[derive(Deserialize)]
pub(super) struct Filing {
    category: Option<String>,
}

/// A file that has arrived.
struct File {
    name: String,
    content_type: String,
    content: Received,
}

/// Where a file goes.
struct Target<'a> {
    documents: &'a Documents,
    caller: Caller,
    /// How large it may be, in bytes.
    limit: u64,
}

pub(super) async fn upload(
    caller: Caller,
    State(documents): State<Documents>,
    filing: std::result::Result<Query<Filing>, QueryRejection>,
    request: Request,
) -> Result<(StatusCode, Json<Document>)> {
    let Query(Filing { category }) = filing.map_err(|error| Error::Invalid(error.body_text()))?;
    let target = Target { documents: &documents, caller, limit: documents.limit().await };
    let (parts, body) = request.into_parts();
    let (file, category) = match multer::parse_boundary(text(&parts.headers, &CONTENT_TYPE)) {
        Ok(boundary) => {
            let (file, in_form) = target.form(&parts.headers, body, boundary).await?;
            (file, in_form.or(category))
        }
        Err(_) => (target.raw(&parts.headers, body).await?, category),
    };
    let document = target.file(file, parse_category(category.as_deref())?).await?;
    Ok((StatusCode::CREATED, Json(document)))
}

impl Target<'_> {
    /// The file of a form, and its category. The parts may come in any order; those of other names are passed over.
    async fn form(&self, headers: &HeaderMap, body: Body, boundary: String) -> Result<(File, Option<String>)> {
        let most = self.limit.saturating_add(WRAPPING);
        self.refuse_longer_than(most, headers)?;
        let limits = Constraints::new().size_limit(SizeLimit::new().whole_stream(most));
        let mut form = Multipart::with_constraints(body.into_data_stream(), boundary, limits);
        let (mut file, mut category) = (None, None);
        while let Some(part) = form.next_field().await.map_err(|error| self.refusal(&error))? {
            match part.name() {
                Some("file") if file.is_some() => return Err(Error::invalid("There must be one file")),
                Some("file") => file = Some(self.part(part).await?),
                Some("category") => category = Some(self.short_text(part).await?),
                _ => {}
            }
        }
        Ok((file.ok_or_else(|| Error::invalid("The form has no file"))?, category))
    }

    async fn part(&self, mut part: Field<'_>) -> Result<File> {
        let name = file_name::parse(part.file_name().unwrap_or_default())?;
        let content_type = content_type(text(part.headers(), &CONTENT_TYPE));
        let mut content = Receiving::begin(self.documents, self.caller.clone(), self.limit).await?;
        while let Some(chunk) = part.chunk().await.map_err(|error| self.refusal(&error))? {
            content.write(&chunk).await?;
        }
        Ok(File { name, content_type, content: content.finish().await? })
    }

    async fn short_text(&self, mut part: Field<'_>) -> Result<String> {
        let mut text = Vec::new();
        while let Some(chunk) = part.chunk().await.map_err(|error| self.refusal(&error))? {
            text.extend_from_slice(&chunk);
            if text.len() > MAX_CATEGORY {
                return Err(Error::invalid("category is too long"));
            }
        }
        String::from_utf8(text).map_err(|_| Error::invalid("category must be UTF-8"))
    }

    async fn raw(&self, headers: &HeaderMap, body: Body) -> Result<File> {
        let Some(name) = headers.get("x-file-name") else {
            return Err(Error::WrongType("The body must be multipart/form-data, or have a name in x-file-name"));
        };
        let name = file_name::decode(name)?;
        self.refuse_longer_than(self.limit, headers)?;
        let mut content = Receiving::begin(self.documents, self.caller.clone(), self.limit).await?;
        let mut chunks = body.into_data_stream();
        while let Some(chunk) = chunks.next().await {
            content.write(&chunk.map_err(|_| Error::Incomplete)?).await?;
        }
        let content_type = content_type(text(headers, &CONTENT_TYPE));
        Ok(File { name, content_type, content: content.finish().await? })
    }

    /// Makes a document of a file that has arrived.
    async fn file(&self, file: File, category: Option<Uuid>) -> Result<Document> {
        let File { name, content_type, content: Received { path, size, sha256 } } = file;
        let caller = self.caller.clone();
        let document = Document {
            id: new_id(),
            owner_id: caller.user_id,
            name,
            category,
            content_type,
            size,
            sha256,
            groups: Vec::new(),
            created_at: now(),
        };
        let filed = self.documents.on_disk(move |store| {
            let is_known = |id| Ok::<_, std::io::Error>(store.categories(&caller)?.iter().any(|one| one.id == id));
            if !category.map_or(Ok(true), is_known)? {
                return Ok(None);
            }
            store.finish(&caller, &document, path)?;
            Ok(Some(document))
        });
        filed.await?.ok_or_else(|| Error::invalid("There is no such category"))
    }

    /// Says so before anything is read.
    fn refuse_longer_than(&self, most: u64, headers: &HeaderMap) -> Result<()> {
        let is_longer = text(headers, &CONTENT_LENGTH).parse().is_ok_and(|length: u64| length > most);
        if is_longer { Err(Error::TooLarge(self.limit)) } else { Ok(()) }
    }

    fn refusal(&self, error: &multer::Error) -> Error {
        match error {
            multer::Error::StreamSizeExceeded { .. } => Error::TooLarge(self.limit),
            multer::Error::StreamReadFailed(_) => Error::Incomplete,
            _ => Error::invalid("The form is malformed"),
        }
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// A content type that can be told again as it is.
fn content_type(given: &str) -> String {
    let is_sent = given.contains('/') && given.len() <= 255 && HeaderValue::from_str(given).is_ok();
    if is_sent { given } else { "application/octet-stream" }.to_owned()
}
