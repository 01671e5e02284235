//! JSON out.

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::store::{Group, Member, Membership};

/// A group.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Group)]
pub(crate) struct GroupView {
    /// The id.
    id: Uuid,
    /// Unique without case.
    #[schema(example = "Accounting")]
    name: String,
    /// What the group is for.
    description: Option<String>,
    /// When it was made.
    #[schema(format = DateTime)]
    created_at: String,
    /// When its name or description was last changed.
    #[schema(format = DateTime)]
    updated_at: String,
    /// How many people are in it.
    member_count: i64,
}

impl From<Group> for GroupView {
    fn from(group: Group) -> Self {
        let Group { id, name, description, created_at, updated_at, member_count } = group;
        Self { id, name, description, created_at, updated_at, member_count }
    }
}

/// A group with the people in it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = GroupWithMembers)]
pub(crate) struct GroupWithMembersView {
    #[serde(flatten)]
    group: GroupView,
    /// By address.
    members: Vec<MemberView>,
}

impl GroupWithMembersView {
    pub(crate) fn new(group: Group, members: Vec<Member>) -> Self {
        Self { group: group.into(), members: members.into_iter().map(MemberView::from).collect() }
    }
}

/// Somebody in a group.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Member)]
pub(crate) struct MemberView {
    /// Who it is.
    user_id: Uuid,
    /// Their address.
    email: String,
    /// How they want to be called.
    full_name: Option<String>,
    /// Since when they are in the group.
    #[schema(format = DateTime)]
    joined_at: String,
}

impl From<Member> for MemberView {
    fn from(member: Member) -> Self {
        let Member { user_id, email, full_name, joined_at } = member;
        Self { user_id, email, full_name, joined_at }
    }
}

/// That somebody is in a group.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Membership)]
pub(crate) struct MembershipView {
    /// The group.
    group_id: Uuid,
    /// Who is in it.
    user_id: Uuid,
    /// Since when.
    #[schema(format = DateTime)]
    joined_at: String,
}

impl From<Membership> for MembershipView {
    fn from(membership: Membership) -> Self {
        let Membership { group_id, user_id, joined_at, .. } = membership;
        Self { group_id, user_id, joined_at }
    }
}
