//! JSON out.

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::store::{Group, Member, Membership};

/// A group of users.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Group)]
pub(crate) struct GroupView {
    /// The id of the group.
    id: Uuid,
    /// The name. It is unique without regard to case.
    #[schema(example = "Accounting")]
    name: String,
    /// What the group is for. `null`: no description.
    description: Option<String>,
    /// When the group was created.
    #[schema(format = DateTime)]
    created_at: String,
    /// When the name or the description was last changed.
    #[schema(format = DateTime)]
    updated_at: String,
    /// The number of members.
    member_count: i64,
}

impl From<Group> for GroupView {
    fn from(group: Group) -> Self {
        let Group { id, name, description, created_at, updated_at, member_count } = group;
        Self { id, name, description, created_at, updated_at, member_count }
    }
}

/// A group with its members.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = GroupWithMembers)]
pub(crate) struct GroupWithMembersView {
    #[serde(flatten)]
    group: GroupView,
    /// The members, by e-mail address.
    members: Vec<MemberView>,
}

impl GroupWithMembersView {
    pub(crate) fn new(group: Group, members: Vec<Member>) -> Self {
        Self { group: group.into(), members: members.into_iter().map(MemberView::from).collect() }
    }
}

/// A member of a group.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Member)]
pub(crate) struct MemberView {
    /// The id of the user.
    user_id: Uuid,
    /// The e-mail address of the user.
    email: String,
    /// The name of the user. `null`: none.
    full_name: Option<String>,
    /// When the user was added to the group.
    #[schema(format = DateTime)]
    joined_at: String,
}

impl From<Member> for MemberView {
    fn from(member: Member) -> Self {
        let Member { user_id, email, full_name, joined_at } = member;
        Self { user_id, email, full_name, joined_at }
    }
}

/// The membership of a user in a group.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Membership)]
pub(crate) struct MembershipView {
    /// The id of the group.
    group_id: Uuid,
    /// The id of the user.
    user_id: Uuid,
    /// When the user was added to the group.
    #[schema(format = DateTime)]
    joined_at: String,
}

impl From<Membership> for MembershipView {
    fn from(membership: Membership) -> Self {
        let Membership { group_id, user_id, joined_at, .. } = membership;
        Self { group_id, user_id, joined_at }
    }
}
