//! JSON out.

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::store::{Access, App, Grantee, Grants, Usable};

/// An app, as admins see it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = App)]
pub(crate) struct AppView {
    /// The key of the app.
    #[schema(example = "documents")]
    key: String,
    /// The name that users see.
    #[schema(example = "Documents")]
    name: String,
    /// What the app is for. `null`: no description.
    description: Option<String>,
    /// Who may use the app without a grant.
    default_access: Access,
    /// The key of the service whose health is shown with the app. `null`: none.
    service_key: Option<String>,
    /// The place of the app in lists, the lowest first.
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
    /// The key of the app.
    #[schema(example = "documents")]
    key: String,
    /// The name that users see.
    #[schema(example = "Documents")]
    name: String,
    /// What the app is for. `null`: no description.
    description: Option<String>,
    /// The place of the app in lists, the lowest first.
    position: i32,
    /// The last known health of the service of the app. `null`: the app has no service.
    service: Option<ServiceView>,
}

/// The last known health of a service.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AppService)]
pub(crate) struct ServiceView {
    /// `healthy`, `unhealthy` or `unknown`.
    #[schema(example = "healthy")]
    status: String,
    /// When the service was last checked. `null`: never.
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

/// The grants of an app.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Grants)]
pub(crate) struct GrantsView {
    /// The users that have a grant, by e-mail address.
    users: Vec<GrantedUserView>,
    /// The groups that have a grant, by name.
    groups: Vec<GrantedGroupView>,
}

/// A user that has a grant.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = GrantedUser)]
pub(crate) struct GrantedUserView {
    /// The id of the user.
    user_id: Uuid,
    /// The e-mail address of the user.
    email: String,
}

/// A group that has a grant.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = GrantedGroup)]
pub(crate) struct GrantedGroupView {
    /// The id of the group.
    group_id: Uuid,
    /// The name of the group.
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
