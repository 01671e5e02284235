//! What is kept of a document beside its content, and of a category: the same JSON on disk and for clients.

use chrono::{SecondsFormat, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A document without its content.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Document {
    pub(super) id: Uuid,
    /// Documents of before there was sharing do not say it.
    #[serde(default)]
    pub(super) owner_id: Uuid,
    pub(super) name: String,
    /// The id of a category of the owner's.
    pub(super) category: Option<Uuid>,
    pub(super) content_type: String,
    /// In bytes.
    pub(super) size: u64,
    /// In hexadecimal.
    pub(super) sha256: String,
    /// The groups that it is shared with; to others than the owner, those of them that they are in.
    #[serde(default)]
    pub(super) groups: Vec<Uuid>,
    pub(super) created_at: String,
}

/// What an owner sorts documents by.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Category {
    pub(super) id: Uuid,
    pub(super) name: String,
    pub(super) created_at: String,
}

impl Document {
    /// The entity tag of the content.
    pub(super) fn etag(&self) -> String {
        format!("\"{}\"", self.sha256)
    }
}

/// A new id. Ids sort as they were made.
pub(super) fn new_id() -> Uuid {
    Uuid::now_v7()
}

/// Now, in UTC.
pub(super) fn now() -> String {
    Utc::now().to_rfc3339_opts(SecondsFormat::Millis, true)
}
