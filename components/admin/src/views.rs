//! JSON out.

use std::collections::BTreeMap;

use frontdesk::{ResetToken, User, UserView};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::store::{AppAccess, AuditEntry};

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

/// Whether somebody may use an app, and why.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AppAccess)]
pub(crate) struct AppAccessView {
    /// The app.
    #[schema(example = "documents")]
    key: String,
    /// Whether they may use it.
    allowed: bool,
    /// Everything that lets them in; each would do.
    because: Vec<ReasonView>,
}

/// What lets somebody into an app.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AppAccessReason)]
pub(crate) struct ReasonView {
    /// What it is.
    kind: ReasonKind,
    /// The group, when it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<ReasonGroupView>,
}

/// What can let somebody into an app.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ReasonKind {
    /// They are an administrator.
    Admin,
    /// It is open to everybody.
    Everyone,
    /// They were let in themselves.
    User,
    /// A group of theirs was let in.
    Group,
}

/// A group that was let into an app.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AppAccessGroup)]
pub(crate) struct ReasonGroupView {
    /// Which group.
    group_id: String,
    /// What it is called.
    name: String,
}

impl AppAccessView {
    /// `None` when there is no app at all.
    pub(crate) fn new(access: AppAccess) -> Option<Self> {
        let AppAccess { key, is_active, is_admin, is_open, is_granted, group_ids, group_names } = access;
        let reason = |kind| ReasonView { kind, group: None };
        let plain = [(is_admin, ReasonKind::Admin), (is_open, ReasonKind::Everyone), (is_granted, ReasonKind::User)];
        let plain = plain.into_iter().filter(|(is_one, _)| *is_one).map(|(_, kind)| reason(kind));
        let groups = group_ids.into_iter().zip(group_names);
        let groups = groups.map(|(group_id, name)| ReasonView {
            kind: ReasonKind::Group,
            group: Some(ReasonGroupView { group_id, name }),
        });
        let because: Vec<_> = plain.chain(groups).collect();
        // Who is locked out may use nothing, whatever would let them in.
        Some(Self { key: key?, allowed: is_active && !because.is_empty(), because })
    }
}

/// An account that was just made.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CreatedUser)]
pub(crate) struct CreatedUserView {
    #[serde(flatten)]
    user: UserView,
    /// Told this once; `null` when the administrator has given one.
    #[schema(example = "K7QMX-9RTBP-W2CDF-HJ4LN")]
    one_time_password: Option<String>,
}

impl CreatedUserView {
    pub(crate) fn new(user: User, one_time_password: Option<String>) -> Self {
        Self { user: user.into(), one_time_password }
    }
}

/// With what somebody can choose a new password.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PasswordResetToken)]
pub(crate) struct ResetTokenView {
    /// Told this once.
    token: String,
    /// Until when it is good.
    #[schema(format = DateTime)]
    expires_at: String,
}

impl ResetTokenView {
    pub(crate) fn new(token: &ResetToken, expires_at: String) -> Self {
        Self { token: token.text().to_owned(), expires_at }
    }
}
