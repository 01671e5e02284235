//! JSON out.

use std::collections::BTreeMap;

use frontdesk::{ResetToken, User, UserView};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::store::{AppAccess, AuditEntry};

/// An entry of the audit log.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AuditEntry)]
pub(crate) struct AuditView {
    /// The id of the entry.
    id: Uuid,
    /// When it was done.
    #[schema(format = DateTime)]
    at: String,
    /// The id of the user who did it. `null`: nobody was signed in.
    actor_id: Option<Uuid>,
    /// What was done.
    #[schema(value_type = AuditAction)]
    action: String,
    /// The type of what it was done to: `user`, `session`, `group`, `app`, `settings` or `limit`.
    #[schema(example = "user")]
    target_type: String,
    /// What it was done to: an id, the key of an app, or the name of settings or of a limit. `null`: unknown.
    target_id: Option<String>,
    /// The IP address of the client. `null`: unknown.
    #[schema(example = "203.0.113.7")]
    ip: Option<String>,
    /// The `x-request-id` of the request.
    request_id: String,
    /// The fields that changed, each with its old and its new value. It never has secrets.
    #[schema(value_type = BTreeMap<String, Vec<Value>>, example = json!({"role": ["user", "admin"]}))]
    changes: BTreeMap<String, Value>,
}

/// What was done. A later version may have more actions:
///
/// - `app.created`: an app was created.
/// - `app.deleted`: an app was deleted.
/// - `app.granted`: an app was granted to a user or a group.
/// - `app.revoked`: a grant of an app was removed.
/// - `app.updated`: an app was changed.
/// - `auth.login`: a user signed in.
/// - `auth.login_failed`: a sign-in failed.
/// - `auth.logout`: a user signed out.
/// - `auth.password_change_failed`: a change of the password failed, because the current password was wrong.
/// - `auth.password_changed`: a user changed the password.
/// - `auth.password_forgot`: a password reset mail was requested.
/// - `auth.password_reset`: a password was set with a reset token.
/// - `auth.rate_limited`: a limit was reached.
/// - `auth.refresh_reused`: an old refresh token was used again.
/// - `auth.refreshed`: a session got new tokens.
/// - `auth.register_failed`: a registration failed, because the e-mail address is taken.
/// - `auth.registered`: an account was registered.
/// - `auth.session_revoked`: a user ended one of their sessions.
/// - `group.created`: a group was created.
/// - `group.deleted`: a group was deleted.
/// - `group.member_added`: a user was added to a group.
/// - `group.member_removed`: a user was removed from a group.
/// - `group.updated`: a group was changed.
/// - `settings.ai_updated`: the AI settings were changed.
/// - `settings.documents_updated`: the document limits were changed.
/// - `user.created`: an admin or the operator created a user.
/// - `user.deleted`: a user was deleted.
/// - `user.password_reset_issued`: an admin issued a reset token.
/// - `user.sessions_revoked`: an admin ended sessions of a user.
/// - `user.updated`: the role, the state or the password of a user was changed.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only its documentation is used: statements write the names")]
pub(crate) enum AuditAction {
    #[serde(rename = "app.created")]
    AppCreated,
    #[serde(rename = "app.deleted")]
    AppDeleted,
    #[serde(rename = "app.granted")]
    AppGranted,
    #[serde(rename = "app.revoked")]
    AppRevoked,
    #[serde(rename = "app.updated")]
    AppUpdated,
    #[serde(rename = "auth.login")]
    AuthLogin,
    #[serde(rename = "auth.login_failed")]
    AuthLoginFailed,
    #[serde(rename = "auth.logout")]
    AuthLogout,
    #[serde(rename = "auth.password_change_failed")]
    AuthPasswordChangeFailed,
    #[serde(rename = "auth.password_changed")]
    AuthPasswordChanged,
    #[serde(rename = "auth.password_forgot")]
    AuthPasswordForgot,
    #[serde(rename = "auth.password_reset")]
    AuthPasswordReset,
    #[serde(rename = "auth.rate_limited")]
    AuthRateLimited,
    #[serde(rename = "auth.refresh_reused")]
    AuthRefreshReused,
    #[serde(rename = "auth.refreshed")]
    AuthRefreshed,
    #[serde(rename = "auth.register_failed")]
    AuthRegisterFailed,
    #[serde(rename = "auth.registered")]
    AuthRegistered,
    #[serde(rename = "auth.session_revoked")]
    AuthSessionRevoked,
    #[serde(rename = "group.created")]
    GroupCreated,
    #[serde(rename = "group.deleted")]
    GroupDeleted,
    #[serde(rename = "group.member_added")]
    GroupMemberAdded,
    #[serde(rename = "group.member_removed")]
    GroupMemberRemoved,
    #[serde(rename = "group.updated")]
    GroupUpdated,
    #[serde(rename = "settings.ai_updated")]
    SettingsAiUpdated,
    #[serde(rename = "settings.documents_updated")]
    SettingsDocumentsUpdated,
    #[serde(rename = "user.created")]
    UserCreated,
    #[serde(rename = "user.deleted")]
    UserDeleted,
    #[serde(rename = "user.password_reset_issued")]
    UserPasswordResetIssued,
    #[serde(rename = "user.sessions_revoked")]
    UserSessionsRevoked,
    #[serde(rename = "user.updated")]
    UserUpdated,
}

impl From<AuditEntry> for AuditView {
    fn from(entry: AuditEntry) -> Self {
        let AuditEntry { id, at, actor_id, action, target_type, target_id, ip, request_id, changes, .. } = entry;
        // What Postgres wrote as JSON is JSON.
        let changes = serde_json::from_str(&changes).unwrap_or_default();
        Self { id, at, actor_id, action, target_type, target_id, ip, request_id, changes }
    }
}

/// Whether a user may use an app, and why.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AppAccess)]
pub(crate) struct AppAccessView {
    /// The key of the app.
    #[schema(example = "documents")]
    key: String,
    /// Whether the user may use the app. An inactive user may use none.
    allowed: bool,
    /// Every reason why the user may use the app. Each alone is enough.
    because: Vec<ReasonView>,
}

/// A reason why a user may use an app.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AppAccessReason)]
pub(crate) struct ReasonView {
    /// The kind of the reason.
    kind: ReasonKind,
    /// The group, if `kind` is `group`; otherwise absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    group: Option<ReasonGroupView>,
}

/// Why a user may use an app:
///
/// - `admin`: the user is an admin.
/// - `everyone`: the app is open to everybody.
/// - `user`: the app is granted to the user.
/// - `group`: the app is granted to a group of the user.
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

/// A group that an app is granted to.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AppAccessGroup)]
pub(crate) struct ReasonGroupView {
    /// The id of the group.
    group_id: String,
    /// The name of the group.
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

/// A user that was just created.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CreatedUser)]
pub(crate) struct CreatedUserView {
    #[serde(flatten)]
    user: UserView,
    /// A random password, which is returned only once. `null` if the request had a `password`.
    #[schema(example = "K7QMX-9RTBP-W2CDF-HJ4LN")]
    one_time_password: Option<String>,
}

impl CreatedUserView {
    pub(crate) fn new(user: User, one_time_password: Option<String>) -> Self {
        Self { user: user.into(), one_time_password }
    }
}

/// A token to set a new password with.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PasswordResetToken)]
pub(crate) struct ResetTokenView {
    /// The token, for `POST /api/auth/password/reset`. It is returned only once.
    token: String,
    /// When the token expires.
    #[schema(format = DateTime)]
    expires_at: String,
}

impl ResetTokenView {
    pub(crate) fn new(token: &ResetToken, expires_at: String) -> Self {
        Self { token: token.text().to_owned(), expires_at }
    }
}
