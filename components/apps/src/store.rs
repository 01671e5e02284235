//! The statements of this family.

use frontdesk::access::{Asked, Authority};
use frontdesk::apps::Key;
use frontdesk::db::{Column, Columns, Db, DbError, DecodeError, FromRow, Json, Statement};
use frontdesk::{audit, authorised};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// Every statement of this family.
pub const STATEMENTS: &[Statement] = &[
    DELETE_APP,
    DELETE_GROUP_GRANT,
    DELETE_USER_GRANT,
    FIND_APP,
    INSERT_APP,
    INSERT_GROUP_GRANT,
    INSERT_USER_GRANT,
    LIST_APPS,
    LIST_GRANTS,
    LIST_USABLE,
    UPDATE_APP,
];

/// Who may use an app without a grant:
///
/// - `everyone`: every user.
/// - `granted`: only admins.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = DefaultAccess)]
pub(crate) enum Access {
    /// Everybody who is signed in.
    Everyone,
    /// Nobody but administrators.
    Granted,
}

impl Access {
    fn name(self) -> String {
        match self {
            Self::Everyone => "everyone",
            Self::Granted => "granted",
        }
        .to_owned()
    }
}

// Serde's own for an enum would take `{"everyone": null}` too.
impl<'de> Deserialize<'de> for Access {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::from_text(&text).ok_or_else(|| D::Error::unknown_variant(&text, &["everyone", "granted"]))
    }
}

impl Column for Access {
    const EXPECTED: &'static str = "a default access";

    fn from_text(text: &str) -> Option<Self> {
        match text {
            "everyone" => Some(Self::Everyone),
            "granted" => Some(Self::Granted),
            _ => None,
        }
    }
}

/// An app.
pub(crate) struct App {
    pub(crate) key: String,
    pub(crate) name: String,
    pub(crate) description: Option<String>,
    pub(crate) default_access: Access,
    pub(crate) service_key: Option<String>,
    pub(crate) position: i32,
}

impl FromRow for App {
    fn from_row(columns: &mut Columns<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            key: columns.take()?,
            name: columns.take()?,
            description: columns.take()?,
            default_access: columns.take()?,
            service_key: columns.take()?,
            position: columns.take()?,
        })
    }
}

/// The columns of [`App`], in its order, of the table `apps` under the alias `a`.
macro_rules! app_columns {
    () => {
        "a.key, a.name, a.description, a.default_access, a.service_key, a.position"
    };
}

/// The fields of an app, of the table `apps` under the alias `a`, as the audit log tells them.
macro_rules! app_fields {
    () => {
        "select a.key, jsonb_build_object('name', a.name, 'description', a.description, 'default_access', a.default_access, \
             'service_key', a.service_key, 'position', a.position) as fields from "
    };
}

/// An app that somebody may use.
#[derive(Deserialize)]
pub(crate) struct Usable {
    pub(crate) key: String,
    pub(crate) name: String,
    pub(crate) description: Option<String>,
    pub(crate) position: i32,
    /// Of its service, if it has one.
    pub(crate) status: Option<String>,
    pub(crate) checked_at: Option<String>,
}

/// The apps that somebody may use, in their order.
pub(crate) struct UsableApps(pub(crate) Vec<Usable>);

impl FromRow for UsableApps {
    fn from_row(columns: &mut Columns<'_>) -> Result<Self, DecodeError> {
        let Json(apps) = columns.take()?;
        Ok(Self(apps))
    }
}

const LIST_USABLE: Statement = Statement::read(
    "apps.list_usable",
    "select signed_in, (
             select coalesce(json_agg(usable order by usable.position, usable.key), '[]')::text from (
                 select a.key, a.name, a.description, a.position,
                        case when a.service_key is not null then coalesce(s.status, 'unknown') end as status,
                        rfc3339(s.checked_at) as checked_at
                 from apps a left join services s on s.key = a.service_key
                 where may_use(a, (select signed_in::json ->> 'role'), (select granted_apps($2)))
                 order by a.position, a.key
             ) usable
         )
     from signed_in($1, $2)",
);

impl Asked for UsableApps {
    const STATEMENT: Statement = LIST_USABLE;
}

const LIST_APPS: Statement =
    Statement::read("apps.list_apps", concat!("select ", app_columns!(), " from apps a order by a.position, a.key"));

/// All apps, in their order.
pub(crate) async fn list_apps(db: &Db) -> Result<Vec<App>, DbError> {
    db.all(LIST_APPS, Vec::new()).await
}

const FIND_APP: Statement =
    Statement::read("apps.find_app", concat!("select ", app_columns!(), " from apps a where a.key = $1"));

/// An app.
pub(crate) async fn find_app(db: &Db, key: Key) -> Result<Option<App>, DbError> {
    db.optional(FIND_APP, vec![key.into_string().into()]).await
}

const INSERT_APP: Statement = Statement::write(
    "apps.insert_app",
    concat!(
        "with ",
        authorised!(admin),
        ", created as (
             insert into apps (key, name, description, default_access, service_key, position)
             select $5, $6, $7, $8, $9, $10 from authorised
             returning key, name, description, default_access, service_key, position
         ), told as (",
        app_fields!(),
        "created a), audited as (",
        audit!("app.created", "app", "key", "audit_changes('{}', jsonb_strip_nulls(fields))", "from told"),
        ") select ",
        app_columns!(),
        " from created a"
    ),
);

/// A new app. Violates `apps_pkey` when there is one with this key.
pub(crate) async fn insert_app(db: &Db, authority: Authority, app: App) -> Result<App, DbError> {
    let App { key, name, description, default_access, service_key, position } = app;
    let parameters = [
        key.into(),
        name.into(),
        description.into(),
        default_access.name().into(),
        service_key.into(),
        position.into(),
    ];
    db.one(INSERT_APP, authority.with(parameters)).await
}

/// What an app is changed to; `None` keeps a field, `Some(None)` clears it.
#[derive(Default)]
pub(crate) struct Change {
    pub(crate) name: Option<String>,
    pub(crate) description: Option<Option<String>>,
    pub(crate) default_access: Option<Access>,
    pub(crate) service_key: Option<Option<String>>,
    pub(crate) position: Option<i32>,
}

// What was there is read from the locked row, whatever others have just made of it.
const UPDATE_APP: Statement = Statement::write(
    "apps.update_app",
    concat!(
        "with ",
        authorised!(admin),
        ", locked as (
             select a.key, a.name, a.description, a.default_access, a.service_key, a.position
             from apps a where a.key = $5 and (select may from authorised) for update
         ), changed as (
             update apps a set
                 name = coalesce($6, a.name),
                 description = case when $7 then $8 else a.description end,
                 default_access = coalesce($9, a.default_access),
                 service_key = case when $10 then $11 else a.service_key end,
                 position = coalesce($12, a.position),
                 updated_at = now()
             from locked where a.key = locked.key
             returning ",
        app_columns!(),
        "), before as (",
        app_fields!(),
        "locked a), after as (",
        app_fields!(),
        "changed a), difference as (
             select before.key, audit_changes(before.fields, after.fields) as changes from before join after using (key)
         ), audited as (",
        audit!("app.updated", "app", "key", "changes", "from difference where changes <> '{}'"),
        ") select ",
        app_columns!(),
        " from changed a"
    ),
);

/// The changed app, if there is one.
pub(crate) async fn update_app(
    db: &Db,
    authority: Authority,
    key: Key,
    change: Change,
) -> Result<Option<App>, DbError> {
    let Change { name, description, default_access, service_key, position } = change;
    let parameters = [
        key.into_string().into(),
        name.into(),
        description.is_some().into(),
        description.flatten().into(),
        default_access.map(Access::name).into(),
        service_key.is_some().into(),
        service_key.flatten().into(),
        position.into(),
    ];
    db.optional(UPDATE_APP, authority.with(parameters)).await
}

const DELETE_APP: Statement = Statement::write(
    "apps.delete_app",
    concat!(
        "with ",
        authorised!(admin),
        ", deleted as (
             delete from apps a where a.key = $5 and (select may from authorised)
             returning ",
        app_columns!(),
        "), told as (",
        app_fields!(),
        "deleted a), audited as (",
        audit!("app.deleted", "app", "key", "audit_changes(jsonb_strip_nulls(fields), '{}')", "from told"),
        ") select key from deleted"
    ),
);

/// Whether there was such an app. Its grants go with it.
pub(crate) async fn delete_app(db: &Db, authority: Authority, key: Key) -> Result<bool, DbError> {
    Ok(db.optional::<(String,)>(DELETE_APP, authority.with([key.into_string().into()])).await?.is_some())
}

/// Somebody who was let in, or a group.
pub(crate) struct Grantee {
    pub(crate) id: Uuid,
    /// The address, or the group's name.
    pub(crate) name: String,
}

/// Who was let into an app.
pub(crate) struct Grants {
    pub(crate) users: Vec<Grantee>,
    pub(crate) groups: Vec<Grantee>,
}

impl FromRow for Grants {
    fn from_row(columns: &mut Columns<'_>) -> Result<Self, DecodeError> {
        let mut grantees = || -> Result<Vec<Grantee>, DecodeError> {
            let (ids, names) = (columns.take::<Vec<Uuid>>()?, columns.take::<Vec<String>>()?);
            Ok(ids.into_iter().zip(names).map(|(id, name)| Grantee { id, name }).collect())
        };
        Ok(Self { users: grantees()?, groups: grantees()? })
    }
}

const LIST_GRANTS: Statement = Statement::read(
    "apps.list_grants",
    "select coalesce(users.ids, '{}'), coalesce(users.names, '{}'), coalesce(groups.ids, '{}'), coalesce(groups.names, '{}')
     from apps a left join lateral (
         select array_agg(u.id::text order by u.email) as ids, array_agg(u.email order by u.email) as names
         from app_users g join users u on u.id = g.user_id where g.app_key = a.key
     ) users on true left join lateral (
         select array_agg(r.id::text order by r.name_key) as ids, array_agg(r.name order by r.name_key) as names
         from app_groups g join groups r on r.id = g.group_id where g.app_key = a.key
     ) groups on true
     where a.key = $1",
);

/// Who was let into an app, if there is one.
pub(crate) async fn list_grants(db: &Db, key: Key) -> Result<Option<Grants>, DbError> {
    db.optional(LIST_GRANTS, vec![key.into_string().into()]).await
}

/// Whether there are the two that a grant joins.
pub(crate) struct Parts {
    pub(crate) has_app: bool,
    pub(crate) has_grantee: bool,
}

impl FromRow for Parts {
    fn from_row(columns: &mut Columns<'_>) -> Result<Self, DecodeError> {
        Ok(Self { has_app: columns.take()?, has_grantee: columns.take()? })
    }
}

/// A grant to what a table has, kept in another: locking both parts keeps them from being deleted before it is there.
macro_rules! insert_grant {
    ($grantees:literal, $grants:literal, $column:literal, $accounts:literal) => {
        concat!(
            "with ",
            authorised!(admin, $accounts),
            ", app as (select a.key from apps a where a.key = $5 and (select may from authorised) for key share),
                  grantee as (select g.id from ",
            $grantees,
            " g where g.id = $6 and (select may from authorised) for key share),
                  granted as (
                      insert into ",
            $grants,
            " (app_key, ",
            $column,
            ") select app.key, grantee.id from app, grantee on conflict do nothing
                      returning app_key, jsonb_build_object('",
            $column,
            "', ",
            $column,
            ") as fields
                  ), audited as (",
            audit!("app.granted", "app", "app_key", "audit_changes('{}', fields)", "from granted"),
            ") select exists (select from app), exists (select from grantee)"
        )
    };
}

/// The way back.
macro_rules! delete_grant {
    ($grantees:literal, $grants:literal, $column:literal, $accounts:literal) => {
        concat!(
            "with ",
            authorised!(admin, $accounts),
            ", revoked as (
                      delete from ",
            $grants,
            " g where g.app_key = $5 and g.",
            $column,
            " = $6 and (select may from authorised) returning g.app_key, jsonb_build_object('",
            $column,
            "', g.",
            $column,
            ") as fields
                  ), audited as (",
            audit!("app.revoked", "app", "app_key", "audit_changes(fields, '{}')", "from revoked"),
            ") select exists (select from apps where key = $5), exists (select from ",
            $grantees,
            " where id = $6)"
        )
    };
}

const INSERT_USER_GRANT: Statement =
    Statement::write("apps.insert_user_grant", insert_grant!("users", "app_users", "user_id", "array[$6::uuid]"));
const INSERT_GROUP_GRANT: Statement =
    Statement::write("apps.insert_group_grant", insert_grant!("groups", "app_groups", "group_id", "'{}'::uuid[]"));
const DELETE_USER_GRANT: Statement =
    Statement::write("apps.delete_user_grant", delete_grant!("users", "app_users", "user_id", "array[$6::uuid]"));
const DELETE_GROUP_GRANT: Statement =
    Statement::write("apps.delete_group_grant", delete_grant!("groups", "app_groups", "group_id", "'{}'::uuid[]"));

/// Lets somebody into an app, or leaves them in.
pub(crate) async fn insert_user_grant(db: &Db, authority: Authority, key: Key, user: Uuid) -> Result<Parts, DbError> {
    db.one(INSERT_USER_GRANT, authority.with([key.into_string().into(), user.into()])).await
}

/// Lets the members of a group into an app, or leaves them in.
pub(crate) async fn insert_group_grant(db: &Db, authority: Authority, key: Key, group: Uuid) -> Result<Parts, DbError> {
    db.one(INSERT_GROUP_GRANT, authority.with([key.into_string().into(), group.into()])).await
}

/// Takes it back, if it was there.
pub(crate) async fn delete_user_grant(db: &Db, authority: Authority, key: Key, user: Uuid) -> Result<Parts, DbError> {
    db.one(DELETE_USER_GRANT, authority.with([key.into_string().into(), user.into()])).await
}

/// The same of a group.
pub(crate) async fn delete_group_grant(db: &Db, authority: Authority, key: Key, group: Uuid) -> Result<Parts, DbError> {
    db.one(DELETE_GROUP_GRANT, authority.with([key.into_string().into(), group.into()])).await
}
