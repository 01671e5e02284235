//! JSON out.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::store::AuditEntry;

/// Something that was done.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AuditEntry)]
pub(crate) struct AuditView {
    /// The id of this entry.
    id: Uuid,
    /// When it was done.
    #[schema(format = DateTime)]
    at: String,
    /// Who did it, if that is known.
    actor_id: Option<Uuid>,
    /// What was done.
    #[schema(example = "user.updated")]
    action: String,
    /// To what type of thing.
    #[schema(example = "user")]
    target_type: String,
    /// To which of them.
    target_id: Option<String>,
    /// From which address.
    #[schema(example = "203.0.113.7")]
    ip: Option<String>,
    /// The `x-request-id` of the answer.
    request_id: String,
    /// Field by field, what was and what is.
    #[schema(value_type = BTreeMap<String, Vec<Value>>, example = json!({"role": ["user", "admin"]}))]
    changes: BTreeMap<String, Value>,
}

impl From<AuditEntry> for AuditView {
    fn from(entry: AuditEntry) -> Self {
        let AuditEntry { id, at, actor_id, action, target_type, target_id, ip, request_id, changes, .. } = entry;
        // What Postgres wrote as JSON is JSON.
        let changes = serde_json::from_str(&changes).unwrap_or_default();
        Self { id, at, actor_id, action, target_type, target_id, ip, request_id, changes }
    }
}
