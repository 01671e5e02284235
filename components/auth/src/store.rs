//! The statements of this family.

use std::time::Duration;

use frontdesk::access::Authority;
use frontdesk::audit::Actor;
use frontdesk::db::{Columns, Db, DbError, DecodeError, FromRow, Parameter, Statement};
use frontdesk::page::MAX_EXACT_COUNT;
use frontdesk::{Client, Error, RateLimit, ResetToken, Session, User, audit, authorised, session_columns};
use uuid::Uuid;

use crate::authenticate::Browser;
use crate::limits::{LOGIN, LOGIN_SUCCESS, Limit, REFRESH, Scale};
use crate::refresh_token::RefreshToken;
use crate::state::Auth;
use crate::visitor::Visitor;

/// Every statement of this family.
pub const STATEMENTS: &[Statement] = &[
    CHANGE_PASSWORD,
    COUNT_LOGIN,
    COUNT_SESSIONS,
    COUNT_TRY,
    END_SESSION,
    END_SESSIONS,
    FIND_HASH,
    HAS_RESET,
    INSERT_UNTRUSTED_PROXY,
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

impl FromRow for Decision<Option<Refreshed>> {
    fn from_row(columns: &mut Columns<'_>) -> Result<Self, DecodeError> {
        Self::take(columns, |columns| {
            let (is_reused, session_id): (Option<bool>, Option<Uuid>) = (columns.take()?, columns.take()?);
            let (refresh_counter, user): (Option<i32>, Option<User>) = (columns.take()?, columns.take()?);
            let begun = session_id.zip(refresh_counter).zip(user);
            Ok(begun.zip(is_reused).map(|(((session_id, refresh_counter), user), is_reused)| Refreshed {
                is_reused,
                begun: Begun { session_id, refresh_counter, user },
            }))
        })
    }
}

impl FromRow for Decision<Option<Candidate>> {
    fn from_row(columns: &mut Columns<'_>) -> Result<Self, DecodeError> {
        Self::take(columns, |columns| {
            let (id, password_hash): (Option<Uuid>, Option<String>) = (columns.take()?, columns.take()?);
            let may_sign_in: Option<bool> = columns.take()?;
            let (known_device, is_account_counted): (Option<Uuid>, Option<bool>) = (columns.take()?, columns.take()?);
            let candidate = id.zip(password_hash);
            Ok(candidate.map(|(id, password_hash)| Candidate {
                id,
                password_hash,
                may_sign_in: may_sign_in.unwrap_or_default(),
                known_device,
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
// trip. A known device is held by its own limit alone, and a known network not by the account's.
const COUNT_LOGIN: Statement = Statement::write(
    "auth.count_login",
    concat!(
        "with candidate as (
             select u.id, u.password_hash, may_sign_in(u) as may_sign_in,
                    (select d.id from unnest($7::text[]::uuid[]) as d (id) where is_known_device(u, d.id) limit 1) as device,
                    is_known_network(u, $8::text) as is_known_network
             from users u where u.email = $4::text
         ), decision as materialized (
             select l.is_allowed, l.is_first_refusal, l.reached, l.retry_after
             from (select) as one left join candidate c on true cross join lateral rate_limit(
                 $5::text[],
                 array[
                     case when c.device is null then $4::text || ' ' || $6::text end,
                     case when c.device is null then $6::text end,
                     case when c.device is null and not coalesce(c.is_known_network, false) then $4::text end,
                     c.device || ' ' || $4::text,
                     case when $9 then $4::text end,
                     case when c.device is null and not coalesce(c.is_known_network, false) then $4::text || ' ' || $6::text end
                 ],
                 $10::int4[],
                 $11::int4[]
             ) as l
         ), logged as (",
        audit!(
            "auth.rate_limited",
            "user",
            "select id from candidate",
            "'{}'",
            "from decision where is_first_refusal and not is_allowed"
        ),
        ") select d.is_allowed, d.reached, d.retry_after, c.id, c.password_hash, c.may_sign_in, c.device,
                  not c.is_known_network
         from decision d left join candidate c on true"
    ),
)
.repeatable();

/// What a password is tried for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Try {
    /// To sign in, which is also limited where it succeeds.
    SignIn,
    /// To choose another one.
    PasswordChange,
}

/// Decides on a try of a password, counts it, and finds the account of the address, with its hash.
pub(crate) async fn count_login(
    db: &Db,
    email: Option<String>,
    visitor: &Visitor,
    purpose: Try,
    scale: Scale,
) -> Result<Decision<Option<Candidate>>, DbError> {
    let parameters = visitor.client.actor(None).with([
        email.into(),
        kinds(&LOGIN),
        visitor.client.network().into(),
        ids(&visitor.devices),
        visitor.client.known_network().into(),
        (purpose == Try::SignIn).into(),
        tries(&LOGIN, scale),
        windows(&LOGIN),
    ]);
    db.one(COUNT_LOGIN, parameters).await
}

// Anybody can send the header: there are a hundred at most.
const INSERT_UNTRUSTED_PROXY: Statement = Statement::write(
    "auth.insert_untrusted_proxy",
    "insert into untrusted_proxies as p (ip) select $1
     where exists (select from untrusted_proxies where ip = $1)
         or (select count(*) from untrusted_proxies where seen_at > now() - interval '2 days') < 100
     on conflict (ip) do update set seen_at = now() where p.seen_at < now() - interval '1 day'
     returning true",
);

/// Notes that a proxy is not trusted; whether nobody has within a day.
pub(crate) async fn insert_untrusted_proxy(db: &Db, ip: String) -> Result<bool, DbError> {
    let noted: Option<(bool,)> = db.optional(INSERT_UNTRUSTED_PROXY, vec![ip.into()]).await?;
    Ok(noted.is_some())
}

/// As text, because the host binds no arrays of anything else.
fn ids(ids: &[Uuid]) -> Parameter {
    ids.iter().map(Uuid::to_string).collect::<Vec<_>>().into()
}

const FIND_HASH: Statement =
    Statement::read("auth.find_hash", "select u.password_hash, may_sign_in(u) from users u where u.id = $1");

/// The same account as it is now; `None` when it is gone.
pub(crate) async fn refetch(db: &Db, candidate: Candidate) -> Result<Option<Candidate>, DbError> {
    let found: Option<Stored> = db.optional(FIND_HASH, vec![candidate.id.into()]).await?;
    Ok(found.map(|Stored { password_hash, may_sign_in }| Candidate { password_hash, may_sign_in, ..candidate }))
}

/// What may have changed of an account while a password was verified.
struct Stored {
    password_hash: String,
    may_sign_in: bool,
}

impl FromRow for Stored {
    fn from_row(columns: &mut Columns<'_>) -> Result<Self, DecodeError> {
        Ok(Self { password_hash: columns.take()?, may_sign_in: columns.take()? })
    }
}

const LOG_FAILED_LOGIN: Statement = Statement::write(
    "auth.log_failed_login",
    concat!(
        "with logged as (",
        audit!("auth.login_failed", "user", "$4::uuid", "'{}'", ""),
        ") select true from take_back_tries(array[$5::text], array[$6::text])"
    ),
);

/// Notes that somebody could not sign in, to which account if there is one: the try is none of those that succeeded.
pub(crate) async fn log_failed_login(
    db: &Db,
    actor: Actor,
    candidate: Option<Uuid>,
    email: Option<String>,
) -> Result<(), DbError> {
    let parameters = actor.with([candidate.into(), LOGIN_SUCCESS.to_owned().into(), email.into()]);
    db.one::<(bool,)>(LOG_FAILED_LOGIN, parameters).await.map(drop)
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
    pub(crate) password_hash: String,
    /// Whether the right password opens a session: the account is not locked, and a one-time password is still good.
    pub(crate) may_sign_in: bool,
    /// The device, if the account signed in from it before: then it alone was counted.
    known_device: Option<Uuid>,
    /// Whether the try counts for the account itself: not from a network that it is known from.
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

// The password was verified against a hash that was read before: only an account that still has it and may still sign in gets the
// session.
const START_SESSION: Statement = Statement::write(
    "auth.start_session",
    concat!(
        "with begun as materialized (
             select session, refresh_counter, user_json, issued_by, ended, owners
             from start_session($4, $5, $6, $7, $8, $9, $2, $10, $11::text[]::uuid[], $12, $13, $14, $15, $16)
             where session is not null
         ), logged as (",
        audit!(
            by "coalesce($1::uuid, $4)",
            "auth.login",
            "user",
            "$4::uuid",
            "audit_changes(
                 jsonb_strip_nulls(jsonb_build_object('session_ids', to_jsonb(ended))),
                 jsonb_strip_nulls(jsonb_build_object('session_id', session, 'issued_by', issued_by))
             )",
            "from begun"
        ),
        "), logged_for_others as (",
        audit!(
            by "coalesce($1::uuid, $4)",
            "auth.logout",
            "user",
            "owner",
            "jsonb_build_object('session_ids', jsonb_build_array(jsonb_agg(past), null))",
            "from begun, unnest(ended, owners) as e (past, owner) where owner <> $4::uuid group by owner"
        ),
        ") select session, refresh_counter, user_json from begun"
    ),
);

/// Begins a session, in a browser if there is one; replaces the hash when there is a new one, and forgives the tries that failed. `None`
/// when the account has changed meanwhile.
pub(crate) async fn start_session(
    auth: &Auth,
    candidate: &Candidate,
    new_hash: Option<String>,
    client: &Client,
    browser: Option<&Browser>,
) -> Result<Option<Begun>, DbError> {
    let lifetimes = auth.lifetimes();
    let parameters = client.actor(None).with([
        candidate.id.into(),
        candidate.password_hash.clone().into(),
        new_hash.into(),
        seconds(lifetimes.refresh).into(),
        seconds(lifetimes.refresh_idle).into(),
        auth.max_sessions().into(),
        client.user_agent().map(str::to_owned).into(),
        ids(browser.map_or(&[], |browser| browser.sessions.as_slice())),
        browser.map(|browser| browser.device).into(),
        client.known_network().into(),
        client.network().into(),
        candidate.known_device.into(),
        candidate.is_account_counted.into(),
    ]);
    auth.app().db().optional(START_SESSION, parameters).await
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
        "with decision as materialized (
             select is_allowed, is_first_refusal, reached, retry_after
             from rate_limit($7::text[], array[($4::uuid)::text], $8::int4[], $9::int4[])
         ), limited as (",
        audit!(
            "auth.rate_limited",
            "session",
            "$4::uuid",
            "'{}'",
            "from decision where is_first_refusal and not is_allowed"
        ),
        "), refreshed (is_reused, is_rotated, session_id, refresh_counter, id, user_json) as (
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
             and (select is_allowed from decision)
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
        ") select d.is_allowed, d.reached, d.retry_after, r.is_reused, r.session_id, r.refresh_counter, r.user_json
         from decision d left join refreshed r on true"
    ),
);

/// Rotates a session's refresh token, or ends the session when its token was used before. `None` when it has ended already.
pub(crate) async fn refresh_session(
    auth: &Auth,
    actor: Actor,
    token: RefreshToken,
) -> Result<Decision<Option<Refreshed>>, DbError> {
    let RefreshToken { session_id, counter } = token;
    let parameters = actor.with([
        session_id.into(),
        counter.into(),
        seconds(auth.lifetimes().refresh_idle).into(),
        kinds(&REFRESH),
        tries(&REFRESH, auth.scale()),
        windows(&REFRESH),
    ]);
    auth.app().db().one(REFRESH_SESSION, parameters).await
}

const END_SESSIONS: Statement = Statement::write(
    "auth.end_sessions",
    concat!(
        "with past as materialized (
             select account, ended, owners, is_done from end_sessions($4::text[]::uuid[], $5, $6::text[]::uuid[], $7)
         ), logged as (",
        audit!(
            by "coalesce($1::uuid, account)",
            "auth.logout",
            "user",
            "owner",
            "jsonb_build_object('session_ids', jsonb_build_array(jsonb_agg(session), null))",
            "from past, unnest(ended, owners) as e (session, owner) group by account, owner"
        ),
        ") select is_done, array(select unnest(ended)::text) from past"
    ),
);

/// Ends the sessions that a request names, where a refresh token does with its counter, and the others that the same browser has; or
/// with the first one that is live all others of its user.
pub(crate) async fn end_sessions(
    db: &Db,
    actor: Actor,
    named: &[(Uuid, Option<i32>)],
    browser: &[Uuid],
    all: bool,
) -> Result<Ended, DbError> {
    let (sessions, counters): (Vec<Uuid>, Vec<Option<i32>>) = named.iter().copied().unzip();
    db.one(END_SESSIONS, actor.with([ids(&sessions), counters.into(), ids(browser), all.into()])).await
}

/// What became of sessions that were to end.
pub(crate) struct Ended {
    /// Whether all have ended that should.
    pub(crate) is_done: bool,
    sessions: Vec<String>,
}

impl Ended {
    /// Whether this session is among those that have ended.
    pub(crate) fn has(&self, session: Uuid) -> bool {
        self.sessions.contains(&session.to_string())
    }
}

impl FromRow for Ended {
    fn from_row(columns: &mut Columns<'_>) -> Result<Self, DecodeError> {
        Ok(Self { is_done: columns.take()?, sessions: columns.take()? })
    }
}

// One that is over is not listed, and so not to be found either.
const END_SESSION: Statement = Statement::write(
    "auth.end_session",
    concat!(
        "with ",
        authorised!(signed_in),
        ", ended as (
             delete from sessions s using users u
             where u.id = s.user_id and s.user_id = $1::uuid and s.id = $5 and is_live(s, u)
                 and (select may from authorised)
             returning s.id
         ), logged as (",
        audit!("auth.session_revoked", "session", "id", "'{}'", "from ended"),
        ") select id from ended"
    ),
);

/// Ends a session, if the user has it.
pub(crate) async fn end_session(db: &Db, authority: Authority, session: Uuid) -> Result<bool, DbError> {
    Ok(db.optional::<(Uuid,)>(END_SESSION, authority.with([session.into()])).await?.is_some())
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

const CHANGE_PASSWORD: Statement = Statement::write(
    "auth.change_password",
    concat!(
        "with changed as materialized (
             select is_done, issued_by from change_password($4, $1::uuid, $5, $6, $7, $8::text[]::uuid[], $9, $10)
         ), logged as (",
        audit!(
            "auth.password_changed",
            "user",
            "$1::uuid",
            "audit_changes('{}', jsonb_strip_nulls(jsonb_build_object('issued_by', issued_by)))",
            "from changed where is_done"
        ),
        ") select is_done from changed"
    ),
);

/// Changes a password, which ends the other sessions and forgets the other devices; `false` when it was changed meanwhile.
pub(crate) async fn change_password(
    db: &Db,
    authority: Authority,
    candidate: &Candidate,
    new_hash: String,
    visitor: &Visitor,
) -> Result<bool, DbError> {
    let parameters = authority.with([
        candidate.password_hash.clone().into(),
        new_hash.into(),
        visitor.client.network().into(),
        ids(&visitor.devices),
        candidate.known_device.into(),
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
             select id, email from users where email = $4 and is_active for share
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
    "select exists (
         select from password_resets r join users u on u.id = r.user_id left join users i on i.id = r.issued_by
         where r.token_hash = $1 and r.expires_at > now() and u.is_active
             and (r.issued_by is null or i.is_active and i.role = 'admin')
     )",
);

/// Whether a token is good.
pub(crate) async fn has_reset(db: &Db, token: &ResetToken) -> Result<bool, DbError> {
    Ok(db.one::<(bool,)>(HAS_RESET, vec![token.hash().into()]).await?.0)
}

const RESET_PASSWORD: Statement = Statement::write(
    "auth.reset_password",
    concat!(
        "with reset as materialized (
             select account, issued_by from reset_password($4, $5, $6)
         ), logged as (",
        audit!(
            by "coalesce($1::uuid, account)",
            "auth.password_reset",
            "user",
            "account",
            "audit_changes('{}', jsonb_strip_nulls(jsonb_build_object('issued_by', issued_by)))",
            "from reset where account is not null"
        ),
        ") select account is not null from reset"
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
