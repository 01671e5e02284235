//! The audit log: what a statement that changes something writes beside the change, and the chain by which it is seen later that
//! rows were edited, removed or put in.
//!
//! A row is sealed by the scheduled work, after it was written, so no writer waits for the chain. Its seal is a MAC over the seal
//! before, its place in the chain and everything that it says. The key is not in the database: who can write there cannot make
//! seals.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use uuid::Uuid;

use crate::db::{Columns, DecodeError, FromRow, Parameter};

/// Who does something, and from where: parameters 1 to 3 of a statement that uses [`audit!`](crate::audit!).
#[derive(Clone, Debug)]
pub struct Actor {
    id: Option<Uuid>,
    ip: Option<String>,
    request_id: String,
}

impl Actor {
    pub(crate) fn new(id: Option<Uuid>, ip: Option<String>, request_id: String) -> Self {
        Self { id, ip, request_id }
    }

    /// Before those that the statement has besides.
    pub fn with<const N: usize>(self, others: [Parameter; N]) -> Vec<Parameter> {
        let mut parameters = vec![self.id.into(), self.ip.into(), self.request_id.into()];
        parameters.extend(others);
        parameters
    }
}

/// The part of a statement that writes a row: which action, on which type of thing, the SQL of its id, the SQL of the changes
/// (`{field: [old, new]}`, see `audit_changes` in the migrations), and the rest of a `select` that yields a row if it happened.
/// Parameters 1 to 3 are an [`Actor`](crate::audit::Actor); `by` gives the SQL of another's id.
#[macro_export]
macro_rules! audit {
    ($action:literal, $target_type:literal, $target_id:literal, $changes:literal, $from:literal) => {
        $crate::audit!(by "$1::uuid", $action, $target_type, $target_id, $changes, $from)
    };
    (by $actor:literal, $action:literal, $target_type:literal, $target_id:literal, $changes:literal, $from:literal) => {
        concat!(
            "insert into audit_log (actor_id, ip, request_id, action, target_type, target_id, changes) select ",
            $actor,
            ", $2::text, $3::text, '",
            $action,
            "', '",
            $target_type,
            "', (",
            $target_id,
            ")::text, ",
            $changes,
            " ",
            $from
        )
    };
}

/// A row of `audit_log`, as text.
#[derive(Clone, Debug)]
pub struct Record {
    /// Names it.
    pub id: Uuid,
    /// Epoch microseconds.
    pub at_us: i64,
    /// Who did it, if that is known.
    pub actor_id: Option<Uuid>,
    /// What was done.
    pub action: String,
    /// To what type of thing.
    pub target_type: String,
    /// To which of them.
    pub target_id: Option<String>,
    /// From which address.
    pub ip: Option<String>,
    /// By which request.
    pub request_id: String,
    /// The JSON of the changes, as Postgres writes it.
    pub changes: String,
}

/// The columns of [`Record`], in its order, of the table `audit_log` under the alias `a`.
#[macro_export]
macro_rules! audit_record_columns {
    () => {
        "a.id, (extract(epoch from a.at) * 1000000)::int8, a.actor_id, a.action, a.target_type, a.target_id, a.ip, \
         a.request_id, a.changes::text"
    };
}

impl FromRow for Record {
    fn from_row(columns: &mut Columns<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            id: columns.take()?,
            at_us: columns.take()?,
            actor_id: columns.take()?,
            action: columns.take()?,
            target_type: columns.take()?,
            target_id: columns.take()?,
            ip: columns.take()?,
            request_id: columns.take()?,
            changes: columns.take()?,
        })
    }
}

/// The key of the seals.
#[derive(Clone)]
pub struct SealKey(Hmac<Sha256>);

/// A seal.
pub type Seal = [u8; 32];

/// As seals are written where people see them.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl SealKey {
    /// From the variable `audit_key`: 32 bytes, base64url.
    ///
    /// # Errors
    /// When it is anything else.
    pub fn parse(text: &str) -> Result<Self, String> {
        let key = URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).map_err(|_| "is not base64url".to_owned())?;
        if key.len() != 32 {
            return Err(format!("holds {} bytes where 32 are expected", key.len()));
        }
        Hmac::new_from_slice(&key).map(Self).map_err(|error| error.to_string())
    }

    /// The seal of a record at a place in the chain; the first place is 1, and before it there is an empty seal.
    pub fn seal(&self, before: &[u8], seq: i64, record: &Record) -> Seal {
        let mut mac = self.0.clone();
        let mut say = |part: Option<&[u8]>| {
            // Lengths, so that no two records are the same bytes; a part that is not there is none of length zero.
            mac.update(&part.map_or(u64::MAX, |part| part.len() as u64).to_be_bytes());
            mac.update(part.unwrap_or_default());
        };
        say(Some(before));
        say(Some(&seq.to_be_bytes()));
        say(Some(record.id.as_bytes()));
        say(Some(&record.at_us.to_be_bytes()));
        say(record.actor_id.as_ref().map(|id| id.as_bytes().as_slice()));
        say(Some(record.action.as_bytes()));
        say(Some(record.target_type.as_bytes()));
        say(record.target_id.as_deref().map(str::as_bytes));
        say(record.ip.as_deref().map(str::as_bytes));
        say(Some(record.request_id.as_bytes()));
        say(Some(record.changes.as_bytes()));
        mac.finalize().into_bytes().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Record {
        Record {
            id: Uuid::from_u128(1),
            at_us: 2,
            actor_id: Some(Uuid::from_u128(3)),
            action: "user.updated".to_owned(),
            target_type: "user".to_owned(),
            target_id: Some("4".to_owned()),
            ip: None,
            request_id: "r".to_owned(),
            changes: r#"{"role": ["user", "admin"]}"#.to_owned(),
        }
    }

    #[test]
    fn a_seal_changes_with_everything_that_it_is_over() {
        let key = |byte: u8| SealKey::parse(&URL_SAFE_NO_PAD.encode([byte; 32])).ok().unwrap();
        let seal = key(7).seal(b"before", 1, &record());
        assert_eq!(seal, key(7).seal(b"before", 1, &record()));
        let mut others = vec![
            key(8).seal(b"before", 1, &record()),
            key(7).seal(b"", 1, &record()),
            key(7).seal(b"before", 2, &record()),
        ];
        let changes: [fn(&mut Record); 10] = [
            |record| record.id = Uuid::from_u128(9),
            |record| record.at_us = 9,
            |record| record.actor_id = None,
            |record| record.action.push('x'),
            |record| record.target_type.push('x'),
            |record| record.target_id = None,
            |record| record.ip = Some(String::new()),
            |record| record.request_id.push('x'),
            |record| record.changes = "{}".to_owned(),
            // What one field loses another gains.
            |record| {
                record.action = "user.update".to_owned();
                record.target_type = "duser".to_owned();
            },
        ];
        for change in changes {
            let mut changed = record();
            change(&mut changed);
            others.push(key(7).seal(b"before", 1, &changed));
        }
        assert!(!others.contains(&seal));
    }
}
