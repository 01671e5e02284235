//! What Postgres or the way to it refused.

use spin_sdk::pg::{Error as SdkError, PgError, QueryError};

use crate::Error;
use crate::access::{ADMIN_REQUIRED, SESSION_ENDED};

/// A statement that failed.
#[derive(Debug)]
pub struct DbError {
    statement: &'static str,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    /// The connection is gone, or there never was one: the server is away, going down, full, or not the one it was.
    Disconnected(String),
    /// It took too long, or the server gave it up in favour of another; the connection is fine.
    TooLong(String),
    /// A named constraint was violated.
    Constraint { name: String, text: String },
    /// Any other refusal: a mistake of ours. Without an SQLSTATE it was the host that refused.
    Refused { sqlstate: Option<String>, text: String },
}

/// SQLSTATE classes and codes after which a new connection may help (PostgreSQL manual, appendix A): connection exceptions,
/// insufficient resources, the server's shutdowns, and a server that has become a read-only replica.
const DISCONNECTED: [&str; 8] = ["08", "53", "57P01", "57P02", "57P03", "57P04", "57P05", "25006"];
/// Codes after which the same statement may succeed later: cancelled by a timeout, a lock not to be had, and the two with which
/// the server ends one of several statements that are in each other's way.
const TOO_LONG: [&str; 4] = ["57014", "55P03", "40001", "40P01"];

impl DbError {
    pub(super) fn timeout(text: &str) -> Self {
        Self { statement: "", kind: Kind::TooLong(text.to_owned()) }
    }

    pub(super) fn protocol(statement: &'static str, text: &str) -> Self {
        Self { statement, kind: Kind::Refused { sqlstate: None, text: text.to_owned() } }
    }

    pub(super) fn of(self, statement: &'static str) -> Self {
        Self { statement, ..self }
    }

    /// Whether the connection was lost, so that another one may help.
    pub fn is_disconnect(&self) -> bool {
        matches!(self.kind, Kind::Disconnected(_))
    }

    /// Whether it took too long. Trying again at once would only add to the load.
    pub fn is_timeout(&self) -> bool {
        matches!(self.kind, Kind::TooLong(_))
    }

    /// The SQLSTATE with which the server refused the statement (PostgreSQL manual, appendix A).
    pub fn sqlstate(&self) -> Option<&str> {
        match &self.kind {
            Kind::Refused { sqlstate, .. } => sqlstate.as_deref(),
            Kind::Disconnected(_) | Kind::TooLong(_) | Kind::Constraint { .. } => None,
        }
    }
}

impl std::fmt::Display for DbError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (Kind::Disconnected(text)
        | Kind::TooLong(text)
        | Kind::Constraint { text, .. }
        | Kind::Refused { text, .. }) = &self.kind;
        write!(f, "statement {}: {text}", self.statement)
    }
}

impl From<PgError> for DbError {
    fn from(error: PgError) -> Self {
        let kind = match error {
            PgError::ConnectionFailed(text) => Kind::Disconnected(text),
            PgError::QueryFailed(QueryError::DbError(error)) => {
                let text = format!("{} {}", error.code, error.message);
                let constraint = error.extras.into_iter().find(|(key, _)| key == "constraint");
                match constraint {
                    _ if DISCONNECTED.iter().any(|code| error.code.starts_with(code)) => Kind::Disconnected(text),
                    _ if TOO_LONG.contains(&error.code.as_str()) => Kind::TooLong(text),
                    Some((_, name)) => Kind::Constraint { name, text },
                    None => Kind::Refused { sqlstate: Some(error.code), text },
                }
            }
            // Without an SQLSTATE the answer did not come from the server but from the connection, except where the host
            // could not carry a value ("error deserializing column", a row over its limit).
            PgError::QueryFailed(QueryError::Text(text))
                if text.contains("kind: Closed") || text.contains("kind: Io") =>
            {
                Kind::Disconnected(text)
            }
            PgError::QueryFailed(QueryError::Text(text))
            | PgError::BadParameter(text)
            | PgError::ValueConversionFailed(text)
            | PgError::Other(text) => Kind::Refused { sqlstate: None, text },
        };
        Self { statement: "", kind }
    }
}

impl From<SdkError> for DbError {
    fn from(error: SdkError) -> Self {
        match error {
            SdkError::PgError(error) => error.into(),
            SdkError::Decode(text) => Self { statement: "", kind: Kind::Refused { sqlstate: None, text } },
        }
    }
}

impl From<DbError> for Error {
    #[track_caller]
    fn from(error: DbError) -> Self {
        match error.sqlstate() {
            // The function authorise() of the migrations raises these.
            Some("FD401") => SESSION_ENDED,
            Some("FD403") => ADMIN_REQUIRED,
            _ if error.is_disconnect() || error.is_timeout() => Self::unavailable(error),
            _ => Self::internal(error),
        }
    }
}

/// Translates the violation of a named constraint.
pub trait OnConstraint<T> {
    /// `refusal` when the constraint `name` was violated; any other failure as it is.
    ///
    /// # Errors
    /// The refusal, 503 or 500.
    fn on_constraint(self, name: &str, refusal: Error) -> crate::Result<T>;
}

impl<T> OnConstraint<T> for Result<T, DbError> {
    #[track_caller]
    fn on_constraint(self, name: &str, refusal: Error) -> crate::Result<T> {
        match self {
            Ok(value) => Ok(value),
            Err(DbError { kind: Kind::Constraint { name: violated, .. }, .. }) if violated == name => Err(refusal),
            Err(error) => Err(error.into()),
        }
    }
}
