//! The statements of this family.

use std::time::Duration;

use frontdesk::audit::Actor;
use frontdesk::db::{Columns, Db, DbError, DecodeError, FromRow, Parameter, Statement};
use frontdesk::page::MAX_EXACT_COUNT;
use frontdesk::{Client, Error, RateLimit, ResetToken, Session, User, audit, session_columns};
use uuid::Uuid;

use crate::limits::{LOGIN, Limit, Scale};
use crate::refresh_token::RefreshToken;
use crate::state::Lifetimes;
use crate::visitor::Visitor;

/// Every statement of this family.
pub const STATEMENTS: &[Statement] = &[
    CHANGE_PASSWORD,
    COUNT_LOGIN,
    COUNT_SESSIONS,
    COUNT_TRY,
    END_SESSION,
    END_SESSIONS,
    HAS_RESET,
    INSERT_USER,
    LIST_SESSIONS,
    LOG_FAILED_CHANGE,
    LOG_FAILED_LOGIN,
    REFRESH_SESSION,
    REQUEST_RESET,
    RESET_PASSWORD,
    START_SESSION,
];

/// What the limits say of a try. One that is let through is counted.
pub(crate) struct Decision<T> {
    reached: Option<RateLimit>,
    found: T,
}

impl<T> Decision<T> {
    /// What was found, of a try that is let through.
    ///
    /// # Errors
    /// 429.
    pub(crate) fn decided(self) -> frontdesk::Result<T> {
        self.reached.map_or(Ok(self.found), |reached| Err(Error::RateLimited(reached)))
    }
}

impl<T> Decision<T> {
    fn take(
        columns: &mut Columns<'_>,
        found: impl FnOnce(&mut Columns<'_>) -> Result<T, DecodeError>,
    ) -> Result<Self, DecodeError> {
        let (is_allowed, limit, retry_after): (bool, Option<i32>, Option<i32>) =
            (columns.take()?, columns.take()?, columns.take()?);
        let reached = RateLimit { limit: limit.unwrap_or_default(), retry_after: retry_after.unwrap_or(1) };
        Ok(Self { reached: (!is_allowed).then_some(reached), found: found(columns)? })
    }
}

impl FromRow for Decision<()> {
    fn from_row(columns: &mut Columns<'_>) -> Result<Self, DecodeError> {
        Self::take(columns, |_| Ok(()))
    }
}

impl FromRow for Decision<Option<Candidate>> {
    fn from_row(columns: &mut Columns<'_>) -> Result<Self, DecodeError> {
        Self::take(columns, |columns| {
            let (id, email, password_hash): (Option<Uuid>, Option<String>, Option<String>) =
                (columns.take()?, columns.take()?, columns.take()?);
            let (is_active, is_account_counted): (Option<bool>, Option<bool>) = (columns.take()?, columns.take()?);
            let candidate = id.zip(email).zip(password_hash);
            Ok(candidate.map(|((id, email), password_hash)| Candidate {
                id,
                email,
                password_hash,
                is_active: is_active.unwrap_or_default(),
                is_account_counted: is_account_counted.unwrap_or(true),
            }))
        })
    }
}

fn kinds(limits: &[Limit]) -> Parameter {
    limits.iter().map(|limit| limit.kind.to_owned()).collect::<Vec<_>>().into()
}

fn tries(limits: &[Limit], scale: Scale) -> Parameter {
    Parameter::ArrayInt32(limits.iter().map(|limit| Some(scale.tries(*limit))).collect())
}

fn windows(limits: &[Limit]) -> Parameter {
    Parameter::ArrayInt32(limits.iter().map(|limit| Some(limit.seconds)).collect())
}

// Of several refusals in a row the first is logged: who is refused must not be able to fill the log.
const COUNT_TRY: Statement = Statement::write(
    "auth.count_try",
    concat!(
        "with decision as materialized (
             select is_allowed, is_first_refusal, reached, reached_kind, retry_after
             from rate_limit($4::text[], $5::text[], $6::int4[], $7::int4[])
         ), logged as (",
        audit!(
            "auth.rate_limited",
            "limit",
            "reached_kind",
            "'{}'",
            "from decision where is_first_refusal and not is_allowed"
        ),
        ") select is_allowed, reached, retry_after from decision"
    ),
)
.repeatable();

/// Decides on a try of things that are limited each in its own way, and counts it.
pub(crate) async fn count_try<const N: usize>(
    db: &Db,
    actor: Actor,
    limits: [Limit; N],
    things: [String; N],
    scale: Scale,
) -> Result<Decision<()>, DbError> {
    let things: Vec<String> = things.into();
    let parameters = actor.with([kinds(&limits), things.into(), tries(&limits, scale), windows(&limits)]);
    db.one(COUNT_TRY, parameters).await
}

// A try that is counted twice because a connection was lost does no harm. The account of the address is read in the same round
// trip. Its own limit is not for the device of its owner, unless all of the owner's sessions were ended since.
const COUNT_LOGIN: Statement = Statement::write(
    "auth.count_login",
    concat!(
        "with candidate as (
             select id, email, password_hash, is_active,
                    coalesce(id = $7::uuid and (sessions_ended_at is null or to_timestamp($10::int8) > sessions_ended_at), false)
                        as is_known
             from users where email = $4::text
         ), decision as materialized (
             select l.is_allowed, l.is_first_refusal, l.reached, l.retry_after
             from (select) as one left join candidate on true cross join lateral rate_limit(
                 $5::text[],
                 array[
                     $4::text || ' ' || $6::text,
                     $6::text,
                     case when not coalesce(candidate.is_known, false) then $4::text end
                 ],
                 $8::int4[],
                 $9::int4[]
             ) as l
         ), logged as (",
        audit!(
            "auth.rate_limited",
            "user",
            "select id from candidate",
            "'{}'",
            "from decision where is_first_refusal and not is_allowed"
        ),
        ") select d.is_allowed, d.reached, d.retry_after, c.id, c.email, c.password_hash, c.is_active, not c.is_known
         from decision d left join candidate c on true"
    ),
)
.repeatable();

/// Decides on a try to sign in, counts it, and finds the account of the address, with its hash.
pub(crate) async fn count_login(
    db: &Db,
    email: Option<String>,
    visitor: &Visitor,
    scale: Scale,
) -> Result<Decision<Option<Candidate>>, DbError> {
    let parameters = visitor.client.actor(None).with([
        email.into(),
        kinds(&LOGIN),
        visitor.client.network().into(),
        visitor.device.map(|device| device.user_id).into(),
        tries(&LOGIN, scale),
        windows(&LOGIN),
        visitor.device.map(|device| device.since).into(),
    ]);
    db.one(COUNT_LOGIN, parameters).await
}

const LOG_FAILED_LOGIN: Statement = Statement::write(
    "auth.log_failed_login",
    concat!(audit!("auth.login_failed", "user", "$4::uuid", "'{}'", ""), " returning id"),
);

/// Notes that somebody could not sign in, to which account if there is one.
pub(crate) async fn log_failed_login(db: &Db, actor: Actor, candidate: Option<Uuid>) -> Result<(), DbError> {
    db.all::<(Uuid,)>(LOG_FAILED_LOGIN, actor.with([candidate.into()])).await.map(drop)
}

// Whoever has the address already is not an error of the statement, which would undo what it writes into the log.
const INSERT_USER: Statement = Statement::write(
    "auth.insert_user",
    concat!(
        "with account as (
             insert into users as u (email, full_name, password_hash) values ($4, $5, $6)
             on conflict (email) do nothing returning u.id, u.email, u.full_name, u.role, user_json(u)
         ), logged as (",
        audit!(
            by "coalesce($1::uuid, account.id)",
            "auth.registered",
            "user",
            "account.id",
            "audit_changes('{}', jsonb_build_object('email', email, 'full_name', full_name, 'role', role))",
            "from account"
        ),
        "), refused as (",
        audit!(
            "auth.register_failed",
            "user",
            "select id from users where email = $4",
            "'{}'",
            "where not exists (select from account)"
        ),
        ") select user_json from account"
    ),
);

/// A new account; `None` when the address is taken.
pub(crate) async fn insert_user(
    db: &Db,
    actor: Actor,
    email: String,
    full_name: Option<String>,
    hash: String,
) -> Result<Option<User>, DbError> {
    db.optional(INSERT_USER, actor.with([email.into(), full_name.into(), hash.into()])).await
}

/// An account that somebody tries to sign in to.
pub(crate) struct Candidate {
    pub(crate) id: Uuid,
    email: String,
    pub(crate) password_hash: String,
    pub(crate) is_active: bool,
    /// Whether the try counts for the account itself: not from a device of its owner's.
    is_account_counted: bool,
}

/// A session that has just begun, or goes on.
pub(crate) struct Begun {
    pub(crate) session_id: Uuid,
    pub(crate) refresh_counter: i32,
    pub(crate) user: User,
}

impl FromRow for Begun {
    fn from_row(columns: &mut Columns<'_>) -> Result<Self, DecodeError> {
        Ok(Self { session_id: columns.take()?, refresh_counter: columns.take()?, user: columns.take()? })
    }
}

// The password was verified against a hash that was read before: only an account that still has it and is still active
// gets the session.
const START_SESSION: Statement = Statement::write(
    "auth.start_session",
    concat!(
        "with account as (
             update users u set last_login_at = now(), password_hash = coalesce($6, password_hash)
             where id = $4 and password_hash = $5 and is_active
             returning u.id, u.email, user_json(u)
         ), session as (
             insert into sessions (user_id, expires_at, idle_expires_at, ip, user_agent)
             select id, now() + $8::int8 * interval '1 second', now() + least($8::int8, $9::int8) * interval '1 second', \
                 $2, $7 from account
             returning id, refresh_counter
         ), logged as (",
        audit!(
            by "coalesce($1::uuid, account.id)",
            "auth.login",
            "user",
            "account.id",
            "audit_changes('{}', jsonb_build_object('session_id', session.id))",
            "from session cross join account"
        ),
        ")
         select session.id, session.refresh_counter, account.user_json
         from session cross join account cross join lateral login_succeeded(account.email, $10, $11) as forgiven"
    ),
);

/// Begins a session, replaces the hash when there is a new one, and forgives the tries that failed. `None` when the account has
/// changed meanwhile.
pub(crate) async fn start_session(
    db: &Db,
    candidate: Candidate,
    new_hash: Option<String>,
    client: &Client,
    lifetimes: Lifetimes,
) -> Result<Option<Begun>, DbError> {
    let parameters = client.actor(None).with([
        candidate.id.into(),
        candidate.password_hash.into(),
        new_hash.into(),
        client.user_agent().map(str::to_owned).into(),
        seconds(lifetimes.refresh).into(),
        seconds(lifetimes.refresh_idle).into(),
        client.network().into(),
        candidate.is_account_counted.into(),
    ]);
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

/// Whether parameter 5 is the counter of a session's present token, and whether it is that of the one before, which is good for
/// a little longer (API.md, section 2).
macro_rules! is_current {
    () => {
        "s.refresh_counter = $5"
    };
}
macro_rules! is_previous {
    () => {
        "s.refresh_counter = $5 + 1 and s.rotated_at > now() - interval '10 seconds'"
    };
}

// One row, decided from what it is once it is locked: of several who come with one token the first rotates, and the others find
// that theirs is the previous one. What ends the session is stored although the request is refused.
const REFRESH_SESSION: Statement = Statement::write(
    "auth.refresh_session",
    concat!(
        "with refreshed (is_reused, is_rotated, session_id, refresh_counter, id, user_json) as (
         update sessions s set
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
        " then least(s.expires_at, now() + $6::int8 * interval '1 second') else s.idle_expires_at end,
             expires_at = case when ",
        is_current!(),
        " or ",
        is_previous!(),
        " then s.expires_at else now() end
         from users u
         where u.id = s.user_id and s.id = $4 and s.refresh_counter >= $5 and is_live(s, u)
         returning s.expires_at <= now(), s.rotated_at = now(), s.id, s.refresh_counter, u.id, user_json(u)
         ), logged as (",
        audit!(
            by "coalesce($1::uuid, refreshed.id)",
            "auth.refreshed",
            "session",
            "session_id",
            "'{}'",
            "from refreshed where is_rotated and not is_reused"
        ),
        "), reused as (",
        audit!("auth.refresh_reused", "session", "session_id", "'{}'", "from refreshed where is_reused"),
        ") select is_reused, session_id, refresh_counter, user_json from refreshed"
    ),
);

/// Rotates a session's refresh token, or ends the session when its token was used before. `None` when it has ended already.
pub(crate) async fn refresh_session(
    db: &Db,
    actor: Actor,
    token: RefreshToken,
    lifetimes: Lifetimes,
) -> Result<Option<Refreshed>, DbError> {
    let RefreshToken { session_id, counter } = token;
    let parameters = actor.with([session_id.into(), counter.into(), seconds(lifetimes.refresh_idle).into()]);
    db.optional(REFRESH_SESSION, parameters).await
}

// All of them only for a session that is live: a token that outlived its own must not end others.
const END_SESSIONS: Statement = Statement::write(
    "auth.end_sessions",
    concat!(
        "with own as (
             select s.id from sessions s join users u on u.id = s.user_id
             where s.id = $4 and s.user_id = $1::uuid and is_live(s, u)
         ), ended as (
             delete from sessions s where s.user_id = $1::uuid and (s.id = $4 or $5 and exists (select from own))
             returning s.id
         ), logged as (",
        audit!(
            "auth.logout",
            "user",
            "$1::uuid",
            "jsonb_build_object('session_ids', jsonb_build_array((select jsonb_agg(id) from ended), null))",
            "where exists (select from ended)"
        ),
        ") select id from ended"
    ),
);

/// Ends a session, or with it all others of the user.
pub(crate) async fn end_sessions(db: &Db, actor: Actor, session: Uuid, all: bool) -> Result<(), DbError> {
    db.all::<(Uuid,)>(END_SESSIONS, actor.with([session.into(), all.into()])).await.map(drop)
}

// One that is over is not listed, and so not to be found either.
const END_SESSION: Statement = Statement::write(
    "auth.end_session",
    concat!(
        "with ended as (
             delete from sessions s using users u
             where u.id = s.user_id and s.user_id = $1::uuid and s.id = $4 and is_live(s, u) returning s.id
         ), logged as (",
        audit!("auth.session_revoked", "session", "id", "'{}'", "from ended"),
        ") select id from ended"
    ),
);

/// Ends a session, if the user has it.
pub(crate) async fn end_session(db: &Db, actor: Actor, session: Uuid) -> Result<bool, DbError> {
    Ok(db.optional::<(Uuid,)>(END_SESSION, actor.with([session.into()])).await?.is_some())
}

const COUNT_SESSIONS: Statement = Statement::read(
    "auth.count_sessions",
    "select count(*) from (
         select from sessions s join users u on u.id = s.user_id where s.user_id = $1 and is_live(s, u) limit $2
     ) as counted",
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

/// One password for another.
pub(crate) struct PasswordChange {
    /// Whose password was verified.
    pub(crate) candidate: Candidate,
    /// The session that goes on.
    pub(crate) session_id: Uuid,
    pub(crate) new_hash: String,
}

const CHANGE_PASSWORD: Statement = Statement::write(
    "auth.change_password",
    concat!(
        "with changed as materialized (
             select change_password($1::uuid, $4, $5, $6) as is_done
         ), logged as (",
        audit!("auth.password_changed", "user", "$1::uuid", "'{}'", "from changed where is_done"),
        ") select is_done from changed
         left join lateral (select from login_succeeded($7, $8, $9 and is_done) where is_done) as forgiven on true"
    ),
);

/// Changes a password, which ends the other sessions; `false` when it was changed meanwhile.
pub(crate) async fn change_password(
    db: &Db,
    actor: Actor,
    change: PasswordChange,
    network: String,
) -> Result<bool, DbError> {
    let PasswordChange { candidate, session_id, new_hash } = change;
    let parameters = actor.with([
        session_id.into(),
        candidate.password_hash.into(),
        new_hash.into(),
        candidate.email.into(),
        network.into(),
        candidate.is_account_counted.into(),
    ]);
    Ok(db.one::<(bool,)>(CHANGE_PASSWORD, parameters).await?.0)
}

const LOG_FAILED_CHANGE: Statement = Statement::write(
    "auth.log_failed_change",
    concat!(audit!("auth.password_change_failed", "user", "$1::uuid", "'{}'", ""), " returning id"),
);

/// Notes that somebody gave a wrong password for the present one.
pub(crate) async fn log_failed_change(db: &Db, actor: Actor) -> Result<(), DbError> {
    db.all::<(Uuid,)>(LOG_FAILED_CHANGE, actor.with([])).await.map(drop)
}

// A row is written in either case, so that both are as long on the way to the disk.
const REQUEST_RESET: Statement = Statement::write(
    "auth.request_reset",
    concat!(
        "with account as (
             select id, email from users where email = $4 and is_active for key share
         ), token as (
             insert into password_resets (token_hash, user_id, expires_at)
             select $5, id, now() + interval '30 minutes' from account
         ), mail as (
             insert into outbox (kind, recipient, subject, body, expires_at)
             select 'password_reset', email, 'Choose a new password', $6, now() + interval '30 minutes' from account
         ), logged as (",
        audit!("auth.password_forgot", "user", "select id from account", "'{}'", ""),
        ") select true"
    ),
);

/// Mails a token to an address, if it is that of an active account.
pub(crate) async fn request_reset(
    db: &Db,
    actor: Actor,
    email: String,
    token: &ResetToken,
    mail: String,
) -> Result<(), DbError> {
    db.one::<(bool,)>(REQUEST_RESET, actor.with([email.into(), token.hash().into(), mail.into()])).await.map(drop)
}

const HAS_RESET: Statement = Statement::read(
    "auth.has_reset",
    "select exists (select from password_resets where token_hash = $1 and expires_at > now())",
);

/// Whether a token is good.
pub(crate) async fn has_reset(db: &Db, token: &ResetToken) -> Result<bool, DbError> {
    Ok(db.one::<(bool,)>(HAS_RESET, vec![token.hash().into()]).await?.0)
}

const RESET_PASSWORD: Statement = Statement::write(
    "auth.reset_password",
    concat!(
        "with reset as materialized (
             select reset_password($4, $5, $6) as user_id
         ), logged as (",
        audit!(
            by "coalesce($1::uuid, user_id)",
            "auth.password_reset",
            "user",
            "user_id",
            "'{}'",
            "from reset where user_id is not null"
        ),
        ") select user_id is not null from reset"
    ),
);

/// Replaces a password and ends all sessions; `false` when the token is not good, or not any more.
pub(crate) async fn reset_password(
    db: &Db,
    actor: Actor,
    token: &ResetToken,
    new_hash: String,
    network: String,
) -> Result<bool, DbError> {
    let parameters = actor.with([token.hash().into(), new_hash.into(), network.into()]);
    Ok(db.one::<(bool,)>(RESET_PASSWORD, parameters).await?.0)
}
