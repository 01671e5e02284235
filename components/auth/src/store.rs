//! The statements of this family.

use std::time::Duration;

use frontdesk::db::{Columns, Db, DbError, DecodeError, FromRow, Statement};
use frontdesk::page::MAX_EXACT_COUNT;
use frontdesk::{Client, Session, User, session_columns, session_is_live, user_columns};
use uuid::Uuid;

use crate::refresh_token::RefreshToken;
use crate::state::Lifetimes;

/// Every statement of this family.
pub const STATEMENTS: &[Statement] = &[
    COUNT_SESSIONS,
    END_SESSION,
    END_SESSIONS,
    FIND_CANDIDATE,
    INSERT_USER,
    LIST_SESSIONS,
    REFRESH_SESSION,
    START_SESSION,
];

const INSERT_USER: Statement = Statement::write(
    "auth.insert_user",
    concat!("insert into users as u (email, full_name, password_hash) values ($1, $2, $3) returning ", user_columns!()),
);

/// A new account. Violates `users_email_key` when the address is taken.
pub(crate) async fn insert_user(
    db: &Db,
    email: String,
    full_name: Option<String>,
    hash: String,
) -> Result<User, DbError> {
    db.one(INSERT_USER, vec![email.into(), full_name.into(), hash.into()]).await
}

/// An account that somebody tries to sign in to.
pub(crate) struct Candidate {
    pub(crate) id: Uuid,
    pub(crate) password_hash: String,
    pub(crate) is_active: bool,
}

impl FromRow for Candidate {
    fn from_row(columns: &mut Columns<'_>) -> Result<Self, DecodeError> {
        Ok(Self { id: columns.take()?, password_hash: columns.take()?, is_active: columns.take()? })
    }
}

const FIND_CANDIDATE: Statement =
    Statement::read("auth.find_candidate", "select id, password_hash, is_active from users where email = $1");

/// The account of an address, with its hash.
pub(crate) async fn find_candidate(db: &Db, email: String) -> Result<Option<Candidate>, DbError> {
    db.optional(FIND_CANDIDATE, vec![email.into()]).await
}

/// A session that has just begun, or goes on.
pub(crate) struct Begun {
    pub(crate) session_id: Uuid,
    pub(crate) refresh_counter: i32,
    pub(crate) user: User,
}

impl FromRow for Begun {
    fn from_row(columns: &mut Columns<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            session_id: columns.take()?,
            refresh_counter: columns.take()?,
            user: User::from_row(columns)?,
        })
    }
}

// The password was verified against a hash that was read before: only an account that still has it and is still active
// gets the session.
const START_SESSION: Statement = Statement::write(
    "auth.start_session",
    concat!(
        "with account (id, email, full_name, role, is_active, email_verified, mfa_enabled, created_at, updated_at, \
             last_login_at) as (
             update users u set last_login_at = now(), password_hash = coalesce($3, password_hash)
             where id = $1 and password_hash = $2 and is_active
             returning ",
        user_columns!(),
        "
         ), session as (
             insert into sessions (user_id, expires_at, idle_expires_at, ip, user_agent)
             select id, now() + $6::int8 * interval '1 second', now() + least($6::int8, $7::int8) * interval '1 second', \
                 $4, $5 from account
             returning id, refresh_counter
         )
         select session.id, session.refresh_counter, account.id, email, full_name, role, is_active, email_verified, \
             mfa_enabled, created_at, updated_at, last_login_at
         from session cross join account"
    ),
);

/// Begins a session, and replaces the hash when there is a new one. `None` when the account has changed meanwhile.
pub(crate) async fn start_session(
    db: &Db,
    candidate: Candidate,
    new_hash: Option<String>,
    client: Client,
    lifetimes: Lifetimes,
) -> Result<Option<Begun>, DbError> {
    let parameters = vec![
        candidate.id.into(),
        candidate.password_hash.into(),
        new_hash.into(),
        client.ip().into(),
        client.user_agent().map(str::to_owned).into(),
        seconds(lifetimes.refresh).into(),
        seconds(lifetimes.refresh_idle).into(),
    ];
    db.optional(START_SESSION, parameters).await
}

fn seconds(lifetime: Duration) -> i64 {
    i64::try_from(lifetime.as_secs()).unwrap_or(i64::MAX)
}

/// What became of a refresh token.
pub(crate) struct Refreshed {
    /// It was used before, and too long ago: the session has ended.
    pub(crate) is_reused: bool,
    pub(crate) begun: Begun,
}

impl FromRow for Refreshed {
    fn from_row(columns: &mut Columns<'_>) -> Result<Self, DecodeError> {
        Ok(Self { is_reused: columns.take()?, begun: Begun::from_row(columns)? })
    }
}

/// Whether parameter 2 is the counter of a session's present token, and whether it is that of the one before, which is good for
/// a little longer (API.md, section 2).
macro_rules! is_current {
    () => {
        "s.refresh_counter = $2"
    };
}
macro_rules! is_previous {
    () => {
        "s.refresh_counter = $2 + 1 and s.rotated_at > now() - interval '10 seconds'"
    };
}

// One row, decided from what it is once it is locked: of several who come with one token the first rotates, and the others find
// that theirs is the previous one. What ends the session is stored although the request is refused.
const REFRESH_SESSION: Statement = Statement::write(
    "auth.refresh_session",
    concat!(
        "update sessions s set
             refresh_counter = case when ",
        is_current!(),
        " then s.refresh_counter + 1 else s.refresh_counter end,
             rotated_at = case when ",
        is_current!(),
        " then now() else s.rotated_at end,
             last_used_at = case when ",
        is_current!(),
        " then now() else s.last_used_at end,
             idle_expires_at = case when ",
        is_current!(),
        " then least(s.expires_at, now() + $3::int8 * interval '1 second') else s.idle_expires_at end,
             expires_at = case when ",
        is_current!(),
        " or ",
        is_previous!(),
        " then s.expires_at else now() end
         from users u
         where u.id = s.user_id and s.id = $1 and s.refresh_counter >= $2 and ",
        session_is_live!(),
        " and u.is_active and s.created_at > coalesce(u.sessions_ended_at, '-infinity')
         returning s.expires_at <= now(), s.id, s.refresh_counter, ",
        user_columns!()
    ),
);

/// Rotates a session's refresh token, or ends the session when its token was used before. `None` when it has ended already.
pub(crate) async fn refresh_session(
    db: &Db,
    token: RefreshToken,
    lifetimes: Lifetimes,
) -> Result<Option<Refreshed>, DbError> {
    let RefreshToken { session_id, counter } = token;
    let parameters = vec![session_id.into(), counter.into(), seconds(lifetimes.refresh_idle).into()];
    db.optional(REFRESH_SESSION, parameters).await
}

// All of them only for a session that there still is: a token that outlived its own must not end others.
const END_SESSIONS: Statement = Statement::write(
    "auth.end_sessions",
    "delete from sessions s where s.user_id = $1
         and (s.id = $2 or $3 and exists (select from sessions own where own.id = $2 and own.user_id = $1))
     returning s.id",
);

/// Ends a session, or with it all others of the user.
pub(crate) async fn end_sessions(db: &Db, user: Uuid, session: Uuid, all: bool) -> Result<(), DbError> {
    db.all::<(Uuid,)>(END_SESSIONS, vec![user.into(), session.into(), all.into()]).await.map(drop)
}

const END_SESSION: Statement =
    Statement::write("auth.end_session", "delete from sessions where user_id = $1 and id = $2 returning id");

/// Whether the user had such a session.
pub(crate) async fn end_session(db: &Db, user: Uuid, session: Uuid) -> Result<bool, DbError> {
    Ok(db.optional::<(Uuid,)>(END_SESSION, vec![user.into(), session.into()]).await?.is_some())
}

const COUNT_SESSIONS: Statement = Statement::read(
    "auth.count_sessions",
    concat!(
        "select count(*) from (select from sessions s where s.user_id = $1 and ",
        session_is_live!(),
        " limit $2) as some"
    ),
);

/// How many live sessions a user has, up to one more than is told.
pub(crate) async fn count_sessions(db: &Db, user: Uuid) -> Result<i64, DbError> {
    Ok(db.one::<(i64,)>(COUNT_SESSIONS, vec![user.into(), (MAX_EXACT_COUNT + 1).into()]).await?.0)
}

const LIST_SESSIONS: Statement = Statement::read(
    "auth.list_sessions",
    concat!(
        "select ",
        session_columns!(),
        " from sessions s where s.user_id = $1 and ",
        session_is_live!(),
        " and ($2::int8 is null or (s.created_at, s.id) < (timestamptz 'epoch' + $2 * interval '1 microsecond', $3::uuid))
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
