//! JSON out.

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::store::{Access, App, Grantee, Grants, Usable};

/// An app.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = App)]
pub(crate) struct AppView {
    /// What it is called in the configuration.
    #[schema(example = "documents")]
    key: String,
    /// What people call it.
    #[schema(example = "Documents")]
    name: String,
    /// What it is for.
    description: Option<String>,
    /// Who may use it without a grant.
    default_access: Access,
    /// The service whose health is shown with it.
    service_key: Option<String>,
    /// Apps are shown in the order of their positions.
    position: i32,
}

impl From<App> for AppView {
    fn from(app: App) -> Self {
        let App { key, name, description, default_access, service_key, position } = app;
        Self { key, name, description, default_access, service_key, position }
    }
}

/// An app that the caller may use.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = UsableApp)]
pub(crate) struct UsableView {
    /// What it is called in the configuration.
    #[schema(example = "documents")]
    key: String,
    /// What people call it.
    #[schema(example = "Documents")]
    name: String,
    /// What it is for.
    description: Option<String>,
    /// Apps are shown in the order of their positions.
    position: i32,
    /// How its service was when it was asked last; `null` when the app has none.
    service: Option<ServiceView>,
}

/// How a service was.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AppService)]
pub(crate) struct ServiceView {
    /// `healthy`, `unhealthy` or `unknown`.
    #[schema(example = "healthy")]
    status: String,
    /// When it was asked; `null` when it never was.
    #[schema(format = DateTime)]
    checked_at: Option<String>,
}

impl From<Usable> for UsableView {
    fn from(app: Usable) -> Self {
        let Usable { key, name, description, position, status, checked_at } = app;
        let service = status.map(|status| ServiceView { status, checked_at });
        Self { key, name, description, position, service }
    }
}

/// Who was let into an app.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Grants)]
pub(crate) struct GrantsView {
    /// By address.
    users: Vec<GrantedUserView>,
    /// By name.
    groups: Vec<GrantedGroupView>,
}

/// Somebody who was let in.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = GrantedUser)]
pub(crate) struct GrantedUserView {
    /// Who it is.
    user_id: Uuid,
    /// Their address.
    email: String,
}

/// A group whose members were let in.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = GrantedGroup)]
pub(crate) struct GrantedGroupView {
    /// Which group.
    group_id: Uuid,
    /// What it is called.
    name: String,
}

impl From<Grants> for GrantsView {
    fn from(grants: Grants) -> Self {
        let Grants { users, groups } = grants;
        let user = |user: Grantee| GrantedUserView { user_id: user.id, email: user.name };
        let group = |group: Grantee| GrantedGroupView { group_id: group.id, name: group.name };
        Self { users: users.into_iter().map(user).collect(), groups: groups.into_iter().map(group).collect() }
    }
}
