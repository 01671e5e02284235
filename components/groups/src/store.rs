//! The statements of this family.

use frontdesk::access::Authority;
use frontdesk::db::{Columns, Db, DbError, DecodeError, FromRow, Statement};
use frontdesk::page::MAX_EXACT_COUNT;
use frontdesk::{audit, authorised};
use uuid::Uuid;

/// Every statement of this family.
pub const STATEMENTS: &[Statement] = &[
    COUNT_GROUPS,
    LIST_GROUPS,
    INSERT_GROUP,
    FIND_GROUP,
    LIST_MEMBERS,
    UPDATE_GROUP,
    DELETE_GROUP,
    INSERT_MEMBER,
    DELETE_MEMBER,
];

/// A group.
pub(crate) struct Group {
    pub(crate) id: Uuid,
    pub(crate) name: String,
    pub(crate) description: Option<String>,
    pub(crate) created_at: String,
    pub(crate) updated_at: String,
    pub(crate) member_count: i64,
}

impl FromRow for Group {
    fn from_row(columns: &mut Columns<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            id: columns.take()?,
            name: columns.take()?,
            description: columns.take()?,
            created_at: columns.take()?,
            updated_at: columns.take()?,
            member_count: columns.take()?,
        })
    }
}

/// The columns of [`Group`], in its order, of the table `groups` under the alias `g`.
macro_rules! group_columns {
    () => {
        "g.id, g.name, g.description, rfc3339(g.created_at), rfc3339(g.updated_at), \
         (select count(*) from group_members m where m.group_id = g.id)"
    };
}

/// Where a page of groups ends: the name by which they are sorted.
pub(crate) type Position = String;

/// A group on a page.
pub(crate) struct Listed {
    pub(crate) group: Group,
    name_key: String,
}

impl Listed {
    pub(crate) fn position(&self) -> Position {
        self.name_key.clone()
    }
}

impl FromRow for Listed {
    fn from_row(columns: &mut Columns<'_>) -> Result<Self, DecodeError> {
        Ok(Self { group: Group::from_row(columns)?, name_key: columns.take()? })
    }
}

const COUNT_GROUPS: Statement =
    Statement::read("groups.count_groups", "select count(*) from (select from groups limit $1) counted");

/// How many groups there are, counted up to one more than is told.
pub(crate) async fn count_groups(db: &Db) -> Result<i64, DbError> {
    let (count,) = db.one(COUNT_GROUPS, vec![(MAX_EXACT_COUNT + 1).into()]).await?;
    Ok(count)
}

// Without a position the page begins before every name: none is empty.
const LIST_GROUPS: Statement = Statement::read(
    "groups.list_groups",
    concat!(
        "select ",
        group_columns!(),
        ", g.name_key from groups g where g.name_key > $1 order by g.name_key limit $2"
    ),
);

/// A page of groups by name.
pub(crate) async fn list_groups(db: &Db, after: Option<&Position>, limit: u32) -> Result<Vec<Listed>, DbError> {
    db.all(LIST_GROUPS, vec![after.cloned().unwrap_or_default().into(), i64::from(limit).into()]).await
}

// What is absent is no change.
const INSERT_GROUP: Statement = Statement::write(
    "groups.insert_group",
    concat!(
        "with ",
        authorised!(admin),
        ", created as (
             insert into groups (name, description) select $5, $6 from authorised
             returning id, name, description, created_at, updated_at
         ), audited as (",
        audit!(
            "group.created",
            "group",
            "id",
            "audit_changes('{}', jsonb_strip_nulls(jsonb_build_object('name', name, 'description', description)))",
            "from created"
        ),
        ") select ",
        group_columns!(),
        " from created g"
    ),
);

/// A new group. Violates `groups_name_key` when the name is taken.
pub(crate) async fn insert_group(
    db: &Db,
    authority: Authority,
    name: String,
    description: Option<String>,
) -> Result<Group, DbError> {
    db.one(INSERT_GROUP, authority.with([name.into(), description.into()])).await
}

const FIND_GROUP: Statement =
    Statement::read("groups.find_group", concat!("select ", group_columns!(), " from groups g where g.id = $1"));

/// A group.
pub(crate) async fn find_group(db: &Db, id: Uuid) -> Result<Option<Group>, DbError> {
    db.optional(FIND_GROUP, vec![id.into()]).await
}

/// Somebody in a group.
pub(crate) struct Member {
    pub(crate) user_id: Uuid,
    pub(crate) email: String,
    pub(crate) full_name: Option<String>,
    pub(crate) joined_at: String,
}

impl FromRow for Member {
    fn from_row(columns: &mut Columns<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            user_id: columns.take()?,
            email: columns.take()?,
            full_name: columns.take()?,
            joined_at: columns.take()?,
        })
    }
}

const LIST_MEMBERS: Statement = Statement::read(
    "groups.list_members",
    "select u.id, u.email, u.full_name, rfc3339(m.joined_at)
     from group_members m join users u on u.id = m.user_id
     where m.group_id = $1 order by u.email",
);

/// The people in a group, by address.
pub(crate) async fn list_members(db: &Db, group: Uuid) -> Result<Vec<Member>, DbError> {
    db.all(LIST_MEMBERS, vec![group.into()]).await
}

/// What a group is changed to.
pub(crate) struct Change {
    /// `None` keeps the name.
    pub(crate) name: Option<String>,
    /// `None` keeps the description, `Some(None)` clears it.
    pub(crate) description: Option<Option<String>>,
}

// What was there is read from the locked row, whatever others have just made of it.
const UPDATE_GROUP: Statement = Statement::write(
    "groups.update_group",
    concat!(
        "with ",
        authorised!(admin),
        ", locked as (
             select g.id, g.name, g.description from groups g where g.id = $5 and (select may from authorised) for update
         ), changed as (
             update groups g set
                 name = coalesce($6, g.name),
                 description = case when $7 then $8 else g.description end,
                 updated_at = case when $6 is null and not $7 then g.updated_at else now() end
             from locked where g.id = locked.id
             returning g.id, g.name, g.description, g.created_at, g.updated_at
         ), difference as (
             select c.id, audit_changes(
                 jsonb_build_object('name', l.name, 'description', l.description),
                 jsonb_build_object('name', c.name, 'description', c.description)
             ) as changes
             from changed c join locked l on l.id = c.id
         ), audited as (",
        audit!("group.updated", "group", "id", "changes", "from difference where changes <> '{}'"),
        ") select ",
        group_columns!(),
        " from changed g"
    ),
);

/// The changed group, if there is one. Violates `groups_name_key` when the name is taken.
pub(crate) async fn update_group(
    db: &Db,
    authority: Authority,
    id: Uuid,
    change: Change,
) -> Result<Option<Group>, DbError> {
    let Change { name, description } = change;
    let changes_description = description.is_some();
    let parameters = authority.with([id.into(), name.into(), changes_description.into(), description.flatten().into()]);
    db.optional(UPDATE_GROUP, parameters).await
}

const DELETE_GROUP: Statement = Statement::write(
    "groups.delete_group",
    concat!(
        "with ",
        authorised!(admin),
        ", deleted as (
             delete from groups g where g.id = $5 and (select may from authorised) returning g.id, g.name, g.description
         ), audited as (",
        audit!(
            "group.deleted",
            "group",
            "id",
            "audit_changes(jsonb_strip_nulls(jsonb_build_object('name', name, 'description', description)), '{}')",
            "from deleted"
        ),
        ") select id from deleted"
    ),
);

/// Whether there was such a group. Its memberships go with it.
pub(crate) async fn delete_group(db: &Db, authority: Authority, id: Uuid) -> Result<bool, DbError> {
    Ok(db.optional::<(Uuid,)>(DELETE_GROUP, authority.with([id.into()])).await?.is_some())
}

/// What became of an attempt to put somebody into a group.
pub(crate) struct Membership {
    pub(crate) group_id: Uuid,
    pub(crate) user_id: Uuid,
    pub(crate) joined_at: String,
    pub(crate) is_new: bool,
}

/// [`Membership`], or which of the two does not exist.
pub(crate) struct Attempt {
    pub(crate) has_group: bool,
    pub(crate) has_user: bool,
    pub(crate) membership: Option<Membership>,
}

impl FromRow for Attempt {
    fn from_row(columns: &mut Columns<'_>) -> Result<Self, DecodeError> {
        let (has_group, has_user) = (columns.take()?, columns.take()?);
        let (group_id, user_id) = (columns.take()?, columns.take()?);
        let (joined_at, is_new): (Option<String>, bool) = (columns.take()?, columns.take()?);
        let membership = joined_at.map(|joined_at| Membership { group_id, user_id, joined_at, is_new });
        Ok(Self { has_group, has_user, membership })
    }
}

// Locking both keeps them from being deleted before the membership is there. What another statement has inserted meanwhile is
// not in the snapshot of this one: the update that changes nothing is how its row is seen.
const INSERT_MEMBER: Statement = Statement::write(
    "groups.insert_member",
    concat!(
        "with ",
        authorised!(admin, "array[$6::uuid]"),
        ", found_group as (select g.id from groups g where g.id = $5 and (select may from authorised) for key share),
              found_user as (select u.id from users u where u.id = $6 and (select may from authorised) for key share),
              member as (
                  insert into group_members as m (group_id, user_id)
                  select found_group.id, found_user.id from found_group, found_user
                  on conflict (group_id, user_id) do update set joined_at = m.joined_at
                  returning group_id, user_id, joined_at, xmax = 0 as is_new
              ), audited as (",
        audit!(
            "group.member_added",
            "group",
            "group_id",
            "audit_changes('{}', jsonb_build_object('user_id', user_id))",
            "from member where is_new"
        ),
        ")
         select exists (select from found_group), exists (select from found_user), $5, $6,
                (select rfc3339(joined_at) from member), coalesce((select is_new from member), false)"
    ),
);

/// Puts somebody into a group, or leaves them there.
pub(crate) async fn insert_member(db: &Db, authority: Authority, group: Uuid, user: Uuid) -> Result<Attempt, DbError> {
    db.one(INSERT_MEMBER, authority.with([group.into(), user.into()])).await
}

const DELETE_MEMBER: Statement = Statement::write(
    "groups.delete_member",
    concat!(
        "with ",
        authorised!(admin, "array[$6::uuid]"),
        ", deleted as (
             delete from group_members m where m.group_id = $5 and m.user_id = $6 and (select may from authorised)
             returning m.group_id, m.user_id
         ), audited as (",
        audit!(
            "group.member_removed",
            "group",
            "group_id",
            "audit_changes(jsonb_build_object('user_id', user_id), '{}')",
            "from deleted"
        ),
        ") select user_id from deleted"
    ),
);

/// Whether they were in the group.
pub(crate) async fn delete_member(db: &Db, authority: Authority, group: Uuid, user: Uuid) -> Result<bool, DbError> {
    Ok(db.optional::<(Uuid,)>(DELETE_MEMBER, authority.with([group.into(), user.into()])).await?.is_some())
}
