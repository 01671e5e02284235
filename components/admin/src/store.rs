//! The statements of this family.

use frontdesk::access::Authority;
use frontdesk::db::{Columns, Db, DbError, DecodeError, FromRow, Parameter, Statement};
use frontdesk::page::MAX_EXACT_COUNT;
use frontdesk::{ResetToken, Role, Session, User, audit, authorised, session_columns};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Every statement of this family.
pub const STATEMENTS: &[Statement] = &[
    COUNT_AUDIT,
    COUNT_SESSIONS,
    COUNT_USERS,
    DELETE_USER,
    END_SESSION,
    END_SESSIONS,
    EXPLAIN_APPS,
    FIND_USER,
    INSERT_RESET,
    INSERT_USER,
    LIST_AUDIT,
    LIST_BY_EMAIL,
    LIST_BY_EMAIL_DESCENDING,
    LIST_NEWEST,
    LIST_OLDEST,
    LIST_SESSIONS,
    UPDATE_USER,
];

/// Which users are listed.
#[derive(Clone, Debug)]
pub(crate) struct Filter {
    /// Contained in the address or the name.
    pub(crate) q: Option<String>,
    pub(crate) role: Option<Role>,
    pub(crate) is_active: Option<bool>,
}

impl Filter {
    fn parameters(&self) -> Vec<Parameter> {
        let role = self.role.map(|role| role.name().to_owned());
        vec![self.q.clone().into(), role.into(), self.is_active.into()]
    }
}

/// The order of a list.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Sort {
    Newest,
    Oldest,
    ByEmail,
    ByEmailDescending,
}

/// Where a page ends, in the order that it has.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) enum Position {
    /// Epoch microseconds, and the id.
    Newest(i64, Uuid),
    /// The same.
    Oldest(i64, Uuid),
    ByEmail(String),
    ByEmailDescending(String),
}

impl Position {
    /// The order that it is a position in.
    pub(crate) fn sort(&self) -> Sort {
        match self {
            Self::Newest(..) => Sort::Newest,
            Self::Oldest(..) => Sort::Oldest,
            Self::ByEmail(_) => Sort::ByEmail,
            Self::ByEmailDescending(_) => Sort::ByEmailDescending,
        }
    }
}

/// A user on a page.
pub(crate) struct Listed {
    pub(crate) user: User,
    created_us: i64,
}

impl Listed {
    pub(crate) fn position(&self, sort: Sort) -> Position {
        match sort {
            Sort::Newest => Position::Newest(self.created_us, self.user.id),
            Sort::Oldest => Position::Oldest(self.created_us, self.user.id),
            Sort::ByEmail => Position::ByEmail(self.user.email.clone()),
            Sort::ByEmailDescending => Position::ByEmailDescending(self.user.email.clone()),
        }
    }
}

impl FromRow for Listed {
    fn from_row(columns: &mut Columns<'_>) -> Result<Self, DecodeError> {
        Ok(Self { user: columns.take()?, created_us: columns.take()? })
    }
}

/// The search text has the index; each part alone is what counts. Parameters 1 to 3 are those of [`Filter`]. Each is null where it
/// does not filter, which the planner sees: the host prepares a statement for one execution.
macro_rules! filtered {
    () => {
        "($1::text is null or (search_text(u.email, u.name_key) like search_pattern($1) \
             and (u.email like search_pattern($1) or u.name_key like search_pattern($1)))) \
         and ($2::text is null or u.role = $2) and ($3::boolean is null or u.is_active = $3)"
    };
}

macro_rules! page_of_users {
    ($after:literal, $order:literal, $limit:literal) => {
        concat!(
            "select user_json(u), (extract(epoch from u.created_at) * 1000000)::int8 from users u where ",
            filtered!(),
            " and ",
            $after,
            " order by ",
            $order,
            " limit ",
            $limit
        )
    };
}

const COUNT_USERS: Statement = Statement::read(
    "admin.count_users",
    concat!("select count(*) from (select from users u where ", filtered!(), " limit $4) counted"),
);

/// How many users there are, counted up to one more than is told.
pub(crate) async fn count_users(db: &Db, filter: &Filter) -> Result<i64, DbError> {
    let mut parameters = filter.parameters();
    parameters.push((MAX_EXACT_COUNT + 1).into());
    let (count,) = db.one(COUNT_USERS, parameters).await?;
    Ok(count)
}

const LIST_NEWEST: Statement = Statement::read(
    "admin.list_newest",
    page_of_users!(
        "($4::int8 is null or (u.created_at, u.id) < (timestamptz 'epoch' + $4 * interval '1 microsecond', $5))",
        "u.created_at desc, u.id desc",
        "$6"
    ),
);

const LIST_OLDEST: Statement = Statement::read(
    "admin.list_oldest",
    page_of_users!(
        "($4::int8 is null or (u.created_at, u.id) > (timestamptz 'epoch' + $4 * interval '1 microsecond', $5))",
        "u.created_at, u.id",
        "$6"
    ),
);

const LIST_BY_EMAIL: Statement =
    Statement::read("admin.list_by_email", page_of_users!("($4::text is null or u.email > $4)", "u.email", "$5"));

const LIST_BY_EMAIL_DESCENDING: Statement = Statement::read(
    "admin.list_by_email_descending",
    page_of_users!("($4::text is null or u.email < $4)", "u.email desc", "$5"),
);

/// A page of users.
pub(crate) async fn list_users(
    db: &Db,
    filter: &Filter,
    sort: Sort,
    after: Option<&Position>,
    limit: u32,
) -> Result<Vec<Listed>, DbError> {
    let statement = match sort {
        Sort::Newest => LIST_NEWEST,
        Sort::Oldest => LIST_OLDEST,
        Sort::ByEmail => LIST_BY_EMAIL,
        Sort::ByEmailDescending => LIST_BY_EMAIL_DESCENDING,
    };
    let mut parameters = filter.parameters();
    match (sort, after) {
        (_, Some(Position::Newest(at, id) | Position::Oldest(at, id))) => {
            parameters.extend([Some(*at).into(), Some(*id).into()]);
        }
        (_, Some(Position::ByEmail(email) | Position::ByEmailDescending(email))) => {
            parameters.push(Some(email.clone()).into());
        }
        (Sort::Newest | Sort::Oldest, None) => parameters.extend([None::<i64>.into(), None::<Uuid>.into()]),
        (Sort::ByEmail | Sort::ByEmailDescending, None) => parameters.push(None::<String>.into()),
    }
    parameters.push(i64::from(limit).into());
    db.all(statement, parameters).await
}

/// What became of an attempt to change somebody.
pub(crate) struct Attempt {
    /// It would have left no active administrator: nothing was changed.
    pub(crate) is_refused: bool,
    pub(crate) user: User,
}

impl FromRow for Attempt {
    fn from_row(columns: &mut Columns<'_>) -> Result<Self, DecodeError> {
        Ok(Self { is_refused: columns.take()?, user: columns.take()? })
    }
}

const UPDATE_USER: Statement = Statement::write(
    "admin.update_user",
    concat!(
        "with attempt as materialized (
             select is_refused, changes, user_json from update_user($4, $1::uuid, $5, $6, $7)
         ), audited as (",
        audit!("user.updated", "user", "$5::uuid", "changes", "from attempt where changes <> '{}'"),
        ") select is_refused, user_json from attempt"
    ),
);

/// Changes what somebody may do; `None` when there is no such user.
pub(crate) async fn update_user(
    db: &Db,
    authority: Authority,
    id: Uuid,
    role: Option<Role>,
    is_active: Option<bool>,
) -> Result<Option<Attempt>, DbError> {
    let role = role.map(|role| role.name().to_owned());
    db.optional(UPDATE_USER, authority.with([id.into(), role.into(), is_active.into()])).await
}

/// Which rows of the audit log are listed.
#[derive(Clone, Debug)]
pub(crate) struct AuditFilter {
    pub(crate) actor_id: Option<Uuid>,
    pub(crate) action: Option<String>,
    /// Any of these.
    pub(crate) target_ids: Option<Vec<String>>,
    /// Not before: epoch microseconds.
    pub(crate) since_us: Option<i64>,
    /// Before: epoch microseconds.
    pub(crate) until_us: Option<i64>,
}

impl AuditFilter {
    fn parameters(&self) -> Vec<Parameter> {
        let Self { actor_id, action, target_ids, since_us, until_us } = self.clone();
        vec![actor_id.into(), action.into(), target_ids.into(), since_us.into(), until_us.into()]
    }
}

/// Where a page of the audit log ends: epoch microseconds, and the id.
pub(crate) type AuditPosition = (i64, Uuid);

/// A row of the audit log.
pub(crate) struct AuditEntry {
    pub(crate) id: Uuid,
    pub(crate) at: String,
    pub(crate) actor_id: Option<Uuid>,
    pub(crate) action: String,
    pub(crate) target_type: String,
    pub(crate) target_id: Option<String>,
    pub(crate) ip: Option<String>,
    pub(crate) request_id: String,
    /// JSON.
    pub(crate) changes: String,
    pub(crate) position: AuditPosition,
}

impl FromRow for AuditEntry {
    fn from_row(columns: &mut Columns<'_>) -> Result<Self, DecodeError> {
        let id = columns.take()?;
        Ok(Self {
            id,
            at: columns.take()?,
            actor_id: columns.take()?,
            action: columns.take()?,
            target_type: columns.take()?,
            target_id: columns.take()?,
            ip: columns.take()?,
            request_id: columns.take()?,
            changes: columns.take()?,
            position: (columns.take()?, id),
        })
    }
}

/// Parameters 1 to 5 are those of [`AuditFilter`].
macro_rules! audit_filtered {
    () => {
        "($1::uuid is null or a.actor_id = $1) and ($2::text is null or a.action = $2) \
         and ($3::text[] is null or a.target_id = any ($3)) \
         and ($4::int8 is null or a.at >= timestamptz 'epoch' + $4 * interval '1 microsecond') \
         and ($5::int8 is null or a.at < timestamptz 'epoch' + $5 * interval '1 microsecond')"
    };
}

const COUNT_AUDIT: Statement = Statement::read(
    "admin.count_audit",
    concat!("select count(*) from (select from audit_log a where ", audit_filtered!(), " limit $6) counted"),
);

/// How many rows there are, counted up to one more than is told.
pub(crate) async fn count_audit(db: &Db, filter: &AuditFilter) -> Result<i64, DbError> {
    let mut parameters = filter.parameters();
    parameters.push((MAX_EXACT_COUNT + 1).into());
    let (count,) = db.one(COUNT_AUDIT, parameters).await?;
    Ok(count)
}

const LIST_AUDIT: Statement = Statement::read(
    "admin.list_audit",
    concat!(
        "select a.id, rfc3339(a.at), a.actor_id, a.action, a.target_type, a.target_id, a.ip, a.request_id, a.changes::text,
                (extract(epoch from a.at) * 1000000)::int8
         from audit_log a where ",
        audit_filtered!(),
        " and ($6::int8 is null or (a.at, a.id) < (timestamptz 'epoch' + $6 * interval '1 microsecond', $7))
         order by a.at desc, a.id desc limit $8"
    ),
);

/// A page of the audit log, newest first.
pub(crate) async fn list_audit(
    db: &Db,
    filter: &AuditFilter,
    after: Option<&AuditPosition>,
    limit: u32,
) -> Result<Vec<AuditEntry>, DbError> {
    let (at, id) = after.copied().unzip();
    let mut parameters = filter.parameters();
    parameters.extend([at.into(), id.into(), i64::from(limit).into()]);
    db.all(LIST_AUDIT, parameters).await
}

const COUNT_SESSIONS: Statement = Statement::read(
    "admin.count_sessions",
    "select (select count(*) from (select from sessions s where s.user_id = u.id and is_live(s, u) limit $2) counted)
     from users u where u.id = $1",
);

/// How many live sessions a user has, counted up to one more than is told; `None` when there is no such user.
pub(crate) async fn count_sessions(db: &Db, user: Uuid) -> Result<Option<i64>, DbError> {
    let count = db.optional::<(i64,)>(COUNT_SESSIONS, vec![user.into(), (MAX_EXACT_COUNT + 1).into()]).await?;
    Ok(count.map(|(count,)| count))
}

const LIST_SESSIONS: Statement = Statement::read(
    "admin.list_sessions",
    concat!(
        "select ",
        session_columns!(),
        " from sessions s join users u on u.id = s.user_id where s.user_id = $1 and is_live(s, u)
           and ($2::int8 is null or (s.created_at, s.id) < (timestamptz 'epoch' + $2 * interval '1 microsecond', $3::uuid))
         order by s.created_at desc, s.id desc limit $4"
    ),
);

/// A page of a user's live sessions, the newest first.
pub(crate) async fn list_sessions(
    db: &Db,
    user: Uuid,
    after: Option<&(i64, Uuid)>,
    limit: u32,
) -> Result<Vec<Session>, DbError> {
    let (created_us, id) = after.copied().unzip();
    db.all(LIST_SESSIONS, vec![user.into(), created_us.into(), id.into(), i64::from(limit).into()]).await
}

// As when an account is deactivated: a session that a sign-in begins meanwhile is not seen and so not deleted, but over.
const END_SESSIONS: Statement = Statement::write(
    "admin.end_sessions",
    concat!(
        "with ",
        authorised!(admin, "array[$5::uuid]"),
        ", changed as (
             update users u set sessions_ended_at = clock_timestamp()
             where u.id = $5 and (select may from authorised) returning u.id
         ), ended as (
             delete from sessions using changed where sessions.user_id = changed.id returning sessions.id
         ), logged as (",
        audit!(
            "user.sessions_revoked",
            "user",
            "id",
            "jsonb_build_object('session_ids', jsonb_build_array((select jsonb_agg(id) from ended), null))",
            "from changed"
        ),
        ") select c.id from changed c cross join lateral withdraw_issued(c.id) as withdrawn"
    ),
);

/// Ends all sessions of a user, and what they issued as an administrator; `false` when there is no such user.
pub(crate) async fn end_sessions(db: &Db, authority: Authority, user: Uuid) -> Result<bool, DbError> {
    Ok(db.optional::<(Uuid,)>(END_SESSIONS, authority.with([user.into()])).await?.is_some())
}

// One that is over is not listed, and so not to be found either.
const END_SESSION: Statement = Statement::write(
    "admin.end_session",
    concat!(
        "with ",
        authorised!(admin, "array[$5::uuid]"),
        ", ended as (
             delete from sessions s using users u
             where u.id = s.user_id and s.user_id = $5 and s.id = $6 and is_live(s, u) and (select may from authorised)
             returning s.id
         ), logged as (",
        audit!(
            "user.sessions_revoked",
            "user",
            "$5::uuid",
            "jsonb_build_object('session_ids', jsonb_build_array(jsonb_build_array(id), null))",
            "from ended"
        ),
        ") select id from ended"
    ),
);

/// Ends a session, if the user has it.
pub(crate) async fn end_session(db: &Db, authority: Authority, user: Uuid, session: Uuid) -> Result<bool, DbError> {
    Ok(db.optional::<(Uuid,)>(END_SESSION, authority.with([user.into(), session.into()])).await?.is_some())
}

/// What lets somebody into an app.
pub(crate) struct AppAccess {
    /// None when there is no app at all.
    pub(crate) key: Option<String>,
    pub(crate) is_active: bool,
    pub(crate) is_admin: bool,
    pub(crate) is_open: bool,
    pub(crate) is_granted: bool,
    /// Of the groups that let them in, by name.
    pub(crate) group_ids: Vec<String>,
    pub(crate) group_names: Vec<String>,
}

impl FromRow for AppAccess {
    fn from_row(columns: &mut Columns<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            key: columns.take()?,
            is_active: columns.take()?,
            is_admin: columns.take()?,
            is_open: columns.take()?,
            is_granted: columns.take()?,
            group_ids: columns.take()?,
            group_names: columns.take()?,
        })
    }
}

const EXPLAIN_APPS: Statement = Statement::read(
    "admin.explain_apps",
    "select a.key, u.is_active, u.role = 'admin', coalesce(a.default_access = 'everyone', false),
            exists (select from app_users g where g.app_key = a.key and g.user_id = u.id),
            coalesce(through.ids, '{}'), coalesce(through.names, '{}')
     from users u left join apps a on true left join lateral (
         select array_agg(r.id::text order by r.name_key) as ids, array_agg(r.name order by r.name_key) as names
         from group_members m
         join app_groups g on g.group_id = m.group_id and g.app_key = a.key
         join groups r on r.id = m.group_id
         where m.user_id = u.id
     ) through on true
     where u.id = $1 order by a.position, a.key",
);

/// What lets somebody into each app, in the order of the apps; nothing when there is no such user.
pub(crate) async fn explain_apps(db: &Db, user: Uuid) -> Result<Vec<AppAccess>, DbError> {
    db.all(EXPLAIN_APPS, vec![user.into()]).await
}

const FIND_USER: Statement = Statement::read("admin.find_user", "select user_json(u) from users u where u.id = $1");

/// A user.
pub(crate) async fn find_user(db: &Db, id: Uuid) -> Result<Option<User>, DbError> {
    db.optional(FIND_USER, vec![id.into()]).await
}

/// An account to be made, whose owner has to choose another password.
pub(crate) struct NewUser {
    pub(crate) email: String,
    pub(crate) full_name: Option<String>,
    pub(crate) role: Role,
    pub(crate) hash: String,
    /// Whether the password was generated: then it signs in once.
    pub(crate) is_generated: bool,
}

const INSERT_USER: Statement = Statement::write(
    "admin.insert_user",
    concat!(
        "with ",
        authorised!(admin),
        ", account as (
             insert into users as u (email, full_name, role, password_hash, must_change_password)
             select $5, $6, $7, $8, true from authorised
             on conflict (email) do nothing returning u.id, u.email, u.full_name, u.role, user_json(u)
         ), one_time_password as (
             insert into one_time_passwords (user_id, issued_by, is_single_use, expires_at)
             select id, $1::uuid, $9, now() + interval '7 days' from account
         ), audited as (",
        audit!(
            "user.created",
            "user",
            "id",
            "audit_changes('{}', jsonb_strip_nulls(jsonb_build_object('email', email, 'full_name', full_name, 'role', role)))",
            "from account"
        ),
        ") select user_json from account"
    ),
);

/// A new account; `None` when the address is taken.
pub(crate) async fn insert_user(db: &Db, authority: Authority, new: NewUser) -> Result<Option<User>, DbError> {
    let NewUser { email, full_name, role, hash, is_generated } = new;
    let parameters = [email.into(), full_name.into(), role.name().to_owned().into(), hash.into(), is_generated.into()];
    db.optional(INSERT_USER, authority.with(parameters)).await
}

const DELETE_USER: Statement = Statement::write(
    "admin.delete_user",
    concat!(
        "with attempt as materialized (
             select is_refused, changes from delete_user($4, $1::uuid, $5)
         ), audited as (",
        audit!("user.deleted", "user", "$5::uuid", "changes", "from attempt where not is_refused"),
        ") select is_refused from attempt"
    ),
);

/// Deletes an account. Whether that was refused, because no active administrator would have been left; `None` when there is none.
pub(crate) async fn delete_user(db: &Db, authority: Authority, id: Uuid) -> Result<Option<bool>, DbError> {
    Ok(db.optional::<(bool,)>(DELETE_USER, authority.with([id.into()])).await?.map(|(is_refused,)| is_refused))
}

const INSERT_RESET: Statement = Statement::write(
    "admin.insert_reset",
    concat!(
        "with issued as materialized (
             select expires_at from issue_reset($4, $1::uuid, $5, $6)
         ), audited as (",
        audit!("user.password_reset_issued", "user", "$5::uuid", "'{}'", "from issued where expires_at is not null"),
        ") select rfc3339(expires_at) from issued"
    ),
);

/// A token for somebody's new password in place of those that there are, and until when it is good: `None` when there is nobody,
/// `Some(None)` when the account is locked.
pub(crate) async fn insert_reset(
    db: &Db,
    authority: Authority,
    user: Uuid,
    token: &ResetToken,
) -> Result<Option<Option<String>>, DbError> {
    let issued =
        db.optional::<(Option<String>,)>(INSERT_RESET, authority.with([user.into(), token.hash().into()])).await?;
    Ok(issued.map(|(expires_at,)| expires_at))
}
