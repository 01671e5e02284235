//! Postgres, through Spin's outbound interface: one kept connection per component instance, shared by its concurrent
//! requests, whose statements it pipelines.
//!
//! - A statement is atomic by itself; there is no transaction here, because Spin returns a session to its pool without
//!   rolling back.
//! - A connection that is found closed is opened anew. A read is then tried once more. A write is not: whether it reached
//!   the server cannot be told from a connection that broke. So a write on a connection that was idle for a while is preceded
//!   by a read, which finds out.
//! - Opening is given 3 s, because the host's pool would wait for ever. A statement is ended by the server after 5 s, and after
//!   2 s of waiting for a lock, so that what was answered with 503 does not happen later; 10 s are for a server that has gone
//!   silent. What took too long is not tried again.

mod error;
mod row;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use http::Uri;
use spin_sdk::pg::{Connection, DbValue};

pub use error::{DbError, OnConstraint};
pub use row::{Column, Columns, DecodeError, FromRow, Json};
pub use spin_sdk::pg::ParameterValue as Parameter;

use crate::time::{within, within_slices};

/// Postgres' own port.
const DEFAULT_PORT: u16 = 5432;
/// How long a request waits for a connection.
const OPEN_TIMEOUT: Duration = Duration::from_secs(3);
/// How long a request waits for a statement's rows.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(10);
/// In how many slices. Few: for a timer that is to end before all its others, as one of a second is, the host wakes a thread, which
/// took 5 % of the CPU of a request that is one statement.
const STATEMENT_SLICES: u32 = 2;
/// When the server ends a statement, and one that waits for a lock. Postgres takes them at the start of a session, and keeps
/// them through the `RESET ALL` with which the host's pool hands it on.
const SERVER_TIMEOUTS: &str = "-c%20statement_timeout%3D5s%20-c%20lock_timeout%3D2s";
/// How often a request looks whether another one has opened the connection.
const OPENING_POLL: Duration = Duration::from_millis(1);
/// After so long a connection may have been closed without anybody having noticed.
const MAX_UNPROVEN: Duration = Duration::from_millis(100);

/// Finds out whether the connection is there.
pub(crate) const PROBE: Statement = Statement::read("db.probe", "select true");

/// One SQL statement with its name for the log. Each crate that has some lists them in a public `STATEMENTS`, for the test
/// that prepares every one of them.
#[derive(Clone, Copy, Debug)]
pub struct Statement {
    name: &'static str,
    text: &'static str,
    is_read: bool,
    may_repeat: bool,
}

impl Statement {
    /// A statement that changes nothing, so that it may be sent twice.
    pub const fn read(name: &'static str, text: &'static str) -> Self {
        Self { name, text, is_read: true, may_repeat: true }
    }

    /// A statement that changes something: it is never sent twice.
    pub const fn write(name: &'static str, text: &'static str) -> Self {
        Self { name, text, is_read: false, may_repeat: false }
    }

    /// The same, if it does no harm when it happens twice: it is sent again when the connection was lost.
    #[must_use]
    pub const fn repeatable(self) -> Self {
        Self { may_repeat: true, ..self }
    }

    /// Its name, `family.what_it_does`.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Its SQL.
    pub const fn text(&self) -> &'static str {
        self.text
    }

    /// Whether it changes nothing.
    pub const fn is_read(&self) -> bool {
        self.is_read
    }
}

/// The database, and the connection to it once there is one.
pub struct Db {
    url: String,
    host: String,
    kept: Mutex<Kept>,
}

/// The connection that the requests of an instance share.
#[derive(Default)]
enum Kept {
    /// There is none.
    #[default]
    None,
    /// A request is opening it.
    Opening,
    /// It is open, and answered last at this time.
    Open(Arc<Connection>, Instant),
}

impl Db {
    /// From the variable `database_url`. The connection is opened when the first statement needs it.
    ///
    /// # Errors
    /// When it is no Postgres URL.
    pub fn parse(url: &str) -> Result<Self, String> {
        let parsed: Uri = url.parse().map_err(|_| "is not a URL")?;
        if !matches!(parsed.scheme_str(), Some("postgres" | "postgresql")) {
            return Err("does not begin with postgres://".to_owned());
        }
        let authority = parsed.authority().filter(|authority| !authority.host().is_empty()).ok_or("names no host")?;
        let port = match authority.port_u16() {
            Some(port) => port,
            None if authority.as_str().ends_with(authority.host()) => DEFAULT_PORT,
            None => return Err("names a port that is no number".to_owned()),
        };
        let host = format!("postgres://{}:{port}", authority.host());
        let query = parsed.query().unwrap_or_default();
        let url = if query.split('&').any(|pair| pair.starts_with("options=")) {
            url.to_owned()
        } else {
            let separator = if query.is_empty() { "?" } else { "&" };
            format!("{}{separator}options={SERVER_TIMEOUTS}", url.trim_end_matches('?'))
        };
        Ok(Self { url, host, kept: Mutex::default() })
    }

    /// `postgres://HOST:PORT`, which the host must allow.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Runs a statement that yields at most one row.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn optional<T: FromRow>(
        &self,
        statement: Statement,
        parameters: Vec<Parameter>,
    ) -> Result<Option<T>, DbError> {
        let mut rows = self.all(statement, parameters).await?;
        let first = rows.pop();
        if rows.is_empty() { Ok(first) } else { Err(DbError::protocol(statement.name, "more than one row")) }
    }

    /// Runs a statement that yields exactly one row.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn one<T: FromRow>(&self, statement: Statement, parameters: Vec<Parameter>) -> Result<T, DbError> {
        self.optional(statement, parameters).await?.ok_or_else(|| DbError::protocol(statement.name, "no row"))
    }

    /// Runs a statement and reads all its rows.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn all<T: FromRow>(&self, statement: Statement, parameters: Vec<Parameter>) -> Result<Vec<T>, DbError> {
        let rows = if statement.may_repeat {
            self.read(statement, parameters).await
        } else {
            if self.is_unproven() {
                self.read(PROBE, Vec::new()).await?;
            }
            self.attempt(statement, parameters).await
        };
        let decode =
            |row: &Vec<_>| row::decode(row).map_err(|error| DbError::protocol(statement.name, &error.to_string()));
        rows?.iter().map(decode).collect()
    }

    /// Sends a statement that may be sent twice, a second time if the connection was lost.
    async fn read(&self, statement: Statement, parameters: Vec<Parameter>) -> Result<Vec<Vec<DbValue>>, DbError> {
        match self.attempt(statement, parameters.clone()).await {
            Err(error) if error.is_disconnect() => self.attempt(statement, parameters).await,
            first => first,
        }
    }

    /// Sends a statement once, on the kept connection or a new one.
    async fn attempt(&self, statement: Statement, parameters: Vec<Parameter>) -> Result<Vec<Vec<DbValue>>, DbError> {
        let connection = self.connection().await.map_err(|error| error.of(statement.name))?;
        let rows = within_slices(STATEMENT_TIMEOUT, STATEMENT_SLICES, fetch(&connection, statement, parameters))
            .await
            .unwrap_or_else(|| Err(DbError::timeout("the server is silent")))
            .map_err(|error| error.of(statement.name));
        match &rows {
            Err(error) if error.is_disconnect() || error.is_timeout() => self.forget(&connection),
            _ => self.prove(&connection),
        }
        rows
    }

    /// The kept connection, or a new one. One request opens it while the others wait for it, none longer than the timeout.
    async fn connection(&self) -> Result<Arc<Connection>, DbError> {
        let open = async {
            while matches!(*self.kept(), Kept::Opening) {
                // Not a lock that wakes who waits for it: tasks of one instance can wake each other only through a feature
                // of wit-bindgen 0.57 that traps on wasmtime 48 (docs/decisions/0004).
                spin_sdk::time::sleep(OPENING_POLL).await;
            }
            if let Kept::Open(connection, _) = &*self.kept() {
                return Ok(Arc::clone(connection));
            }
            let claim = Claim::new(self);
            let connection = Arc::new(Connection::open(self.url.as_str()).await?);
            claim.keep(&connection);
            Ok(connection)
        };
        within(OPEN_TIMEOUT, open).await.unwrap_or_else(|| Err(DbError::timeout("no connection was to be had")))
    }

    /// Gives the kept connection back to the host's pool, for an instance that will not need it for long. Requests that are
    /// using it at this moment finish first.
    pub fn release(&self) {
        let mut kept = self.kept();
        if matches!(*kept, Kept::Open(..)) {
            *kept = Kept::None;
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        // A poisoned lock cannot be met: nothing panics under it, and wasm has no unwinding.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the kept connection may have been closed without anybody having noticed.
    fn is_unproven(&self) -> bool {
        matches!(&*self.kept(), Kept::Open(_, answered) if answered.elapsed() > MAX_UNPROVEN)
    }

    /// Notes that the connection answered.
    fn prove(&self, connection: &Arc<Connection>) {
        if let Kept::Open(kept, answered) = &mut *self.kept()
            && Arc::ptr_eq(kept, connection)
        {
            *answered = Instant::now();
        }
    }

    /// Drops the kept connection, unless another request has already put a new one in its place.
    fn forget(&self, connection: &Arc<Connection>) {
        let mut kept = self.kept();
        if matches!(&*kept, Kept::Open(current, _) if Arc::ptr_eq(current, connection)) {
            *kept = Kept::None;
        }
    }
}

/// The right to open the connection; given back when the opening fails or is given up.
struct Claim<'db>(&'db Db);

impl<'db> Claim<'db> {
    fn new(db: &'db Db) -> Self {
        *db.kept() = Kept::Opening;
        Self(db)
    }

    fn keep(self, connection: &Arc<Connection>) {
        *self.0.kept() = Kept::Open(Arc::clone(connection), Instant::now());
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        let mut kept = self.0.kept();
        if matches!(*kept, Kept::Opening) {
            *kept = Kept::None;
        }
    }
}

async fn fetch(
    connection: &Connection,
    statement: Statement,
    parameters: Vec<Parameter>,
) -> Result<Vec<Vec<DbValue>>, DbError> {
    let result = connection.query(statement.text, parameters).await?;
    let (_, mut stream, outcome) = result.into_inner();
    let mut rows = Vec::new();
    while let Some(row) = stream.next().await {
        rows.push(row);
    }
    // Errors after the statement was bound (a unique violation, say) are only here.
    outcome.await?;
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_server_is_told_to_end_what_takes_too_long_unless_the_operator_chose_otherwise() {
        let options = "options=-c%20statement_timeout%3D5s%20-c%20lock_timeout%3D2s";
        for (given, sent) in [
            ("postgres://u:p@db/fd", format!("postgres://u:p@db/fd?{options}")),
            ("postgres://u:p@db/fd?sslmode=disable", format!("postgres://u:p@db/fd?sslmode=disable&{options}")),
            ("postgres://u:p@db/fd?options=-c%20x%3D1", "postgres://u:p@db/fd?options=-c%20x%3D1".to_owned()),
        ] {
            assert_eq!(Db::parse(given).ok().unwrap().url, sent);
        }
    }

    #[test]
    fn a_url_names_its_host_for_the_allow_list() {
        for (url, host) in [
            ("postgres://u:p@db.example.com/fd", "postgres://db.example.com:5432"),
            ("postgresql://127.0.0.1:55432/fd?sslmode=disable", "postgres://127.0.0.1:55432"),
        ] {
            assert_eq!(Db::parse(url).ok().unwrap().host(), host);
        }
        for url in ["", "nonsense", "mysql://db/fd", "postgres://", "postgres:///fd", "postgres://u:p@db:port/fd"] {
            assert!(Db::parse(url).is_err(), "{url} passed");
        }
    }
}
