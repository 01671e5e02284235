//! The statements of this family.

use frontdesk::db::{Columns, Db, DbError, DecodeError, FromRow, Statement};
use frontdesk::{Client, Role, User, user_columns};
use uuid::Uuid;

/// Every statement of this family.
pub const STATEMENTS: &[Statement] = &[FIND_CANDIDATE, INSERT_USER, START_SESSION];

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

/// A session that has just begun.
pub(crate) struct Session {
    pub(crate) id: Uuid,
    pub(crate) user_id: Uuid,
    pub(crate) role: Role,
    pub(crate) refresh_counter: i32,
}

impl FromRow for Session {
    fn from_row(columns: &mut Columns<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            id: columns.take()?,
            user_id: columns.take()?,
            role: columns.take()?,
            refresh_counter: columns.take()?,
        })
    }
}

// The password was verified against a hash that was read before: only an account that still has it and is still active
// gets the session.
const START_SESSION: Statement = Statement::write(
    "auth.start_session",
    "with account as (
         update users set last_login_at = now(), password_hash = coalesce($3, password_hash)
         where id = $1 and password_hash = $2 and is_active
         returning id, role
     ), session as (
         insert into sessions (user_id, expires_at, ip, user_agent)
         select id, now() + interval '30 days', $4, $5 from account
         returning id, user_id, refresh_counter
     )
     select session.id, session.user_id, account.role, session.refresh_counter
     from session join account on account.id = session.user_id",
);

/// Begins a session, and replaces the hash when there is a new one. `None` when the account has changed meanwhile.
pub(crate) async fn start_session(
    db: &Db,
    candidate: Candidate,
    new_hash: Option<String>,
    client: Client,
) -> Result<Option<Session>, DbError> {
    let parameters = vec![
        candidate.id.into(),
        candidate.password_hash.into(),
        new_hash.into(),
        client.ip.into(),
        client.user_agent.into(),
    ];
    db.optional(START_SESSION, parameters).await
}
