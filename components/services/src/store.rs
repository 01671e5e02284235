//! The statements of this family.

use frontdesk::access::Asked;
use frontdesk::audit::{Record, SealKey, hex};
use frontdesk::audit_record_columns;
use frontdesk::db::{Column, Columns, Db, DbError, DecodeError, FromRow, Json, Parameter, Statement};
use serde::Deserialize;
use uuid::Uuid;

/// Every statement of this family.
pub const STATEMENTS: &[Statement] = &[
    CLAIM_MAILS,
    CLAIM_TURN,
    DELETE_EXPIRED,
    DELETE_MAILS,
    DELETE_PAST_SESSIONS,
    LIST_READINGS,
    LIST_UNSEALED,
    READ_READINGS,
    STORE_MEASUREMENTS,
    STORE_SEALS,
];

/// How a service was at its last reading.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Status {
    Healthy,
    Unhealthy,
    Unknown,
}

impl Column for Status {
    const EXPECTED: &'static str = "a status";

    fn from_text(text: &str) -> Option<Self> {
        match text {
            "healthy" => Some(Self::Healthy),
            "unhealthy" => Some(Self::Unhealthy),
            "unknown" => Some(Self::Unknown),
            _ => None,
        }
    }
}

/// The last reading of a service.
#[derive(Deserialize)]
pub(crate) struct Reading {
    pub(crate) key: String,
    pub(crate) status: Status,
    pub(crate) latency_ms: Option<i32>,
    pub(crate) error: Option<String>,
    pub(crate) checked_at: Option<String>,
    pub(crate) last_healthy_at: Option<String>,
    /// Whether it is too recent to be taken again for somebody who asks.
    pub(crate) is_fresh: bool,
}

impl FromRow for Reading {
    fn from_row(columns: &mut Columns<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            key: columns.take()?,
            status: columns.take()?,
            latency_ms: columns.take()?,
            error: columns.take()?,
            checked_at: columns.take()?,
            last_healthy_at: columns.take()?,
            is_fresh: columns.take()?,
        })
    }
}

/// The columns of [`Reading`], in its order, of the table `services` under the alias `s`.
macro_rules! reading_columns {
    () => {
        "s.key, s.status, s.latency_ms, s.error, rfc3339(s.checked_at) as checked_at, \
         rfc3339(s.last_healthy_at) as last_healthy_at, \
         coalesce(s.checked_at > now() - interval '90 seconds', false) as is_fresh"
    };
}

/// The last readings of all services that ever were in the registry.
pub(crate) struct Readings(pub(crate) Vec<Reading>);

impl FromRow for Readings {
    fn from_row(columns: &mut Columns<'_>) -> Result<Self, DecodeError> {
        let Json(readings) = columns.take()?;
        Ok(Self(readings))
    }
}

const READ_READINGS: Statement = Statement::read(
    "services.read_readings",
    concat!(
        "select signed_in($1, $2), (select coalesce(json_agg(reading), '[]')::text from (select ",
        reading_columns!(),
        " from services s order by s.checked_at desc nulls last limit 1000) reading)"
    ),
);

impl Asked for Readings {
    const STATEMENT: Statement = READ_READINGS;
}

const LIST_READINGS: Statement = Statement::read(
    "services.list_readings",
    concat!("select ", reading_columns!(), " from services s where s.key = any($1) limit 1000"),
);

/// The last readings of these services, in no order. One that was never read has none.
pub(crate) async fn list_readings(db: &Db, keys: Vec<String>) -> Result<Vec<Reading>, DbError> {
    db.all(LIST_READINGS, vec![keys.into()]).await
}

// Of several who claim at once, one gets the row's lock; the others wait for it and then find the turn taken. A turn that was
// not finished is over after ten seconds, more than a poll takes: whoever had it is gone. One that was finished without one of
// these services, which is new, is no reason to wait for the next; the second is for who began to ask before it was finished.
const CLAIM_TURN: Statement = Statement::write(
    "services.claim_turn",
    "insert into ticks as t (name, claimed_at) values ('services', now())
     on conflict (name) do update set claimed_at = excluded.claimed_at
     where t.claimed_at < now() - interval '25 seconds'
        or (t.done_at is null or t.done_at < t.claimed_at) and t.claimed_at < now() - interval '10 seconds'
        or t.done_at >= t.claimed_at and t.done_at < now() - interval '1 second' and exists (
            select from unnest($1::text[]) as k (key) left join services s on s.key = k.key
            where coalesce(s.checked_at < t.done_at - interval '90 seconds', true)
        )
     returning name",
);

/// Takes the turn to poll these services; `false` when somebody has it, or had it just now.
pub(crate) async fn claim_turn(db: &Db, keys: Vec<String>) -> Result<bool, DbError> {
    Ok(db.optional::<(String,)>(CLAIM_TURN, vec![keys.into()]).await?.is_some())
}

/// What polling a service has shown.
pub(crate) struct Measurement {
    pub(crate) key: String,
    /// Until the answer's head; none when there was no answer.
    pub(crate) latency_ms: Option<i32>,
    /// Why it is not healthy; none when it is.
    pub(crate) error: Option<String>,
}

// In the order of their keys, so that two of these cannot wait for each other. A service that is in no replica's registry any
// more is forgotten with its history.
const STORE_MEASUREMENTS: Statement = Statement::write(
    "services.store_measurements",
    concat!(
        "with measured as (
             select m.key, m.latency_ms, m.error, case when m.error is null then 'healthy' else 'unhealthy' end as status
             from unnest($1::text[], $2::int4[], $3::text[]) as m (key, latency_ms, error)
         ), latest (key, status, latency_ms, error, checked_at, last_healthy_at, is_fresh) as (
             insert into services as s (key, status, latency_ms, error, checked_at, last_healthy_at)
             select key, status, latency_ms, error, now(), case when error is null then now() end
             from measured order by key
             on conflict (key) do update set
                 status = excluded.status, latency_ms = excluded.latency_ms, error = excluded.error,
                 checked_at = excluded.checked_at,
                 last_healthy_at = coalesce(excluded.last_healthy_at, s.last_healthy_at)
             returning ",
        reading_columns!(),
        "
         ), history as (
             insert into service_readings (service_key, status, latency_ms, error)
             select key, status, latency_ms, error from measured order by key
             on conflict (service_key, checked_at) do nothing
         ), past_readings as (
             delete from service_readings where checked_at < now() - interval '24 hours'
         ), past_services as (
             delete from services where checked_at < now() - interval '24 hours' and key <> all($1)
         ), turn as (
             update ticks set done_at = now() where name = 'services'
         )
         select key, status, latency_ms, error, checked_at, last_healthy_at, is_fresh from latest"
    ),
);

/// Keeps what was measured, ends the turn, and forgets what is older than a day. The readings that it makes, in no order.
pub(crate) async fn store_measurements(db: &Db, measurements: Vec<Measurement>) -> Result<Vec<Reading>, DbError> {
    let (mut keys, mut latencies, mut errors) = (Vec::new(), Vec::new(), Vec::new());
    for Measurement { key, latency_ms, error } in measurements {
        keys.push(key);
        latencies.push(latency_ms);
        errors.push(error);
    }
    let parameters = vec![keys.into(), Parameter::ArrayInt32(latencies), Parameter::ArrayStr(errors)];
    db.all(STORE_MEASUREMENTS, parameters).await
}

// At most so many at a time, as the index has them: a million that ended at once must not hold up the tick. What another replica
// has locked it deletes. Nothing is lost with the row: a token whose session is gone is answered like one whose session is over.
// The array has them looked up in the index, where a join would read all sessions.
const DELETE_PAST_SESSIONS: Statement = Statement::write(
    "services.delete_past_sessions",
    "with past as (
         select id from sessions where least(expires_at, idle_expires_at) <= now()
         order by least(expires_at, idle_expires_at) limit 1000 for update skip locked
     ), deleted as (
         delete from sessions where id = any (array(select id from past))
     )
     select count(*) from past",
);

/// Deletes up to a thousand sessions that are over.
pub(crate) async fn delete_past_sessions(db: &Db) -> Result<(), DbError> {
    db.one::<(i64,)>(DELETE_PAST_SESSIONS, Vec::new()).await.map(drop)
}

/// How many rows of the audit log are sealed at a time.
pub(crate) const BATCH: usize = 1000;

/// Where the chain of seals ends.
pub(crate) struct Head {
    /// 0 before there is a seal.
    pub(crate) seq: i64,
    /// Empty before there is one.
    pub(crate) seal: Vec<u8>,
}

impl FromRow for Head {
    fn from_row(columns: &mut Columns<'_>) -> Result<Self, DecodeError> {
        Ok(Self { seq: columns.take()?, seal: columns.take()? })
    }
}

/// A row without a seal, and the head at the moment at which it was read.
pub(crate) struct Unsealed {
    head: Head,
    record: Record,
}

impl FromRow for Unsealed {
    fn from_row(columns: &mut Columns<'_>) -> Result<Self, DecodeError> {
        Ok(Self { head: Head::from_row(columns)?, record: Record::from_row(columns)? })
    }
}

const LIST_UNSEALED: Statement = Statement::read(
    "services.list_unsealed",
    concat!(
        "select h.seq, h.seal, ",
        audit_record_columns!(),
        " from audit_head h cross join audit_log a where a.seq is null order by a.at, a.id limit $1"
    ),
);

/// The rows that are next in the chain.
pub(crate) async fn list_unsealed(db: &Db) -> Result<Vec<Unsealed>, DbError> {
    db.all(LIST_UNSEALED, vec![i64::try_from(BATCH).unwrap_or(i64::MAX).into()]).await
}

/// Seals that follow a head, each with the id of its row; as text, because the host binds no arrays of anything else.
pub(crate) struct Batch {
    after: Head,
    ids: Vec<String>,
    seals: Vec<String>,
    last: Vec<u8>,
}

impl Batch {
    /// The seals of these rows; `None` when there is none.
    pub(crate) fn seal(unsealed: Vec<Unsealed>, key: &SealKey) -> Option<Self> {
        let mut rows = unsealed.into_iter();
        let Unsealed { head: after, record } = rows.next()?;
        let (mut ids, mut seals) = (Vec::new(), Vec::new());
        let (mut seq, mut last) = (after.seq, after.seal.clone());
        for record in std::iter::once(record).chain(rows.map(|row| row.record)) {
            seq += 1;
            last = key.seal(&last, seq, &record).to_vec();
            ids.push(record.id.to_string());
            seals.push(hex(&last));
        }
        Some(Self { after, ids, seals, last })
    }
}

// Of two who seal the same rows one gets the head's lock; the other waits for it, and then finds another head and seals nothing.
// A row that is gone meanwhile keeps its place: that it is missing is seen.
const STORE_SEALS: Statement = Statement::write(
    "services.store_seals",
    "with head as (
         update audit_head set seq = seq + cardinality($3::text[]), seal = $5 where seq = $1 and seal = $2
         returning seq, seal
     ), sealed as (
         update audit_log a set seq = $1 + s.place, seal = decode(s.seal, 'hex')
         from head, unnest($3::text[], $4::text[]) with ordinality as s (id, seal, place)
         where a.id = s.id::uuid and a.seq is null
     )
     select seq, seal from head",
);

/// Stores seals; `None`, and nothing is stored, when the chain does not end any more where they follow.
pub(crate) async fn store_seals(db: &Db, batch: Batch) -> Result<Option<Head>, DbError> {
    let Batch { after: Head { seq, seal }, ids, seals, last } = batch;
    db.optional(STORE_SEALS, vec![seq.into(), seal.into(), ids.into(), seals.into(), last.into()]).await
}

// At most so many at a time: see [`DELETE_PAST_SESSIONS`].
const DELETE_EXPIRED: Statement = Statement::write(
    "services.delete_expired",
    "with limits as (
         select key from rate_limits where expires_at <= now() order by expires_at limit 10000 for update skip locked
     ), deleted_limits as (
         delete from rate_limits where key = any (array(select key from limits))
     ), resets as (
         select token_hash from password_resets where expires_at <= now() order by expires_at limit 1000
         for update skip locked
     ), deleted_resets as (
         delete from password_resets where token_hash = any (array(select token_hash from resets))
     ), mails as (
         select id from outbox where expires_at <= now() order by expires_at limit 1000 for update skip locked
     ), deleted_mails as (
         delete from outbox where id = any (array(select id from mails))
     ), devices as (
         select device_key, user_id from known_devices where seen_at <= now() - interval '365 days' order by seen_at limit 1000
         for update skip locked
     ), deleted_devices as (
         delete from known_devices k using devices d where k.device_key = d.device_key and k.user_id = d.user_id
     ), networks as (
         select user_id, network from known_networks where seen_at <= now() - interval '90 days' order by seen_at limit 1000
         for update skip locked
     ), deleted_networks as (
         delete from known_networks k using networks n where k.user_id = n.user_id and k.network = n.network
     ), deleted_proxies as (
         delete from untrusted_proxies where seen_at <= now() - interval '2 days'
     )
     select count(*) from limits",
);

/// Deletes what has expired of limits on tries, password resets, mails that were of use for a while, the devices and networks that
/// accounts are known from, and the proxies that are not trusted.
pub(crate) async fn delete_expired(db: &Db) -> Result<(), DbError> {
    db.one::<(i64,)>(DELETE_EXPIRED, Vec::new()).await.map(drop)
}

/// A mail on its way.
pub(crate) struct Mail {
    pub(crate) id: Uuid,
    pub(crate) recipient: String,
    pub(crate) subject: String,
    pub(crate) body: String,
}

impl FromRow for Mail {
    fn from_row(columns: &mut Columns<'_>) -> Result<Self, DecodeError> {
        Ok(Self { id: columns.take()?, recipient: columns.take()?, subject: columns.take()?, body: columns.take()? })
    }
}

// Whoever claims a mail has a while to send it; it is then due again, after ever longer, so that none is lost with who sends it.
const CLAIM_MAILS: Statement = Statement::write(
    "services.claim_mails",
    "with due as (
         select id from outbox where due_at <= now() and expires_at > now() order by due_at limit 100
         for update skip locked
     )
     update outbox o set attempts = o.attempts + 1, due_at = now() + least(30 * 2 ^ o.attempts, 3600) * interval '1 second'
     from due where o.id = due.id
     returning o.id, o.recipient, o.subject, o.body",
);

/// Takes the mails that are to be sent.
pub(crate) async fn claim_mails(db: &Db) -> Result<Vec<Mail>, DbError> {
    db.all(CLAIM_MAILS, Vec::new()).await
}

const DELETE_MAILS: Statement =
    Statement::write("services.delete_mails", "delete from outbox where id = any ($1::text[]::uuid[]) returning id");

/// Forgets mails that were sent.
pub(crate) async fn delete_mails(db: &Db, ids: Vec<String>) -> Result<(), DbError> {
    db.all::<(Uuid,)>(DELETE_MAILS, vec![ids.into()]).await.map(drop)
}
