//! Postgres, through Spin's outbound interface: one kept connection per component instance, shared by its concurrent
//! requests, whose statements it pipelines.
//!
//! - A statement is atomic by itself; there is no transaction here, because Spin returns a session to its pool without
//!   rolling back.
//! - A connection that is found closed is opened anew. A read is then tried once more. A write is not: whether it reached
//!   the server cannot be told from a connection that broke. A write that waits for a connection has not been sent yet, so
//!   opening it is tried again for both.
//! - Opening is given [`OPEN_TIMEOUT`], because the host's pool would wait for ever, and a statement [`STATEMENT_TIMEOUT`].

mod error;
mod row;

use std::sync::Arc;
use std::time::Duration;

use futures::future::{Either, select};
use spin_sdk::pg::{Connection, ParameterValue};
use tokio::sync::Mutex;

pub use error::{DbError, OnConstraint};
pub use row::{Column, Columns, DecodeError, FromRow};
pub use spin_sdk::pg::ParameterValue as Parameter;

/// How long a request waits for a connection.
const OPEN_TIMEOUT: Duration = Duration::from_secs(3);
/// How long a request waits for a statement's rows.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(10);

/// One SQL statement with its name for the log.
#[derive(Clone, Copy, Debug)]
pub struct Statement {
    name: &'static str,
    text: &'static str,
    is_read: bool,
}

impl Statement {
    /// A statement that changes nothing, so that it may be sent twice.
    pub const fn read(name: &'static str, text: &'static str) -> Self {
        Self { name, text, is_read: true }
    }

    /// A statement that changes something: it is never sent twice.
    pub const fn write(name: &'static str, text: &'static str) -> Self {
        Self { name, text, is_read: false }
    }
}

/// The database, and the connection to it once there is one.
pub struct Db {
    url: String,
    connection: Mutex<Option<Arc<Connection>>>,
}

impl Db {
    /// From the variable `database_url`. The connection is opened when the first statement needs it.
    ///
    /// # Errors
    /// When it is no Postgres URL.
    pub fn parse(url: &str) -> Result<Self, String> {
        let after_scheme = url.strip_prefix("postgres://").or_else(|| url.strip_prefix("postgresql://"));
        match after_scheme {
            None => Err("is not a URL that begins with postgres://".to_owned()),
            Some("") => Err("names no host".to_owned()),
            Some(_) => Ok(Self { url: url.to_owned(), connection: Mutex::default() }),
        }
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
        let rows = match self.attempt(statement, parameters.clone()).await {
            Err(error) if error.is_unavailable() && statement.is_read => self.attempt(statement, parameters).await,
            first => first,
        };
        let decode =
            |row: &Vec<_>| row::decode(row).map_err(|error| DbError::protocol(statement.name, &error.to_string()));
        rows?.iter().map(decode).collect()
    }

    /// Sends a statement once, on the kept connection or a new one.
    async fn attempt(
        &self,
        statement: Statement,
        parameters: Vec<ParameterValue>,
    ) -> Result<Vec<Vec<spin_sdk::pg::DbValue>>, DbError> {
        let connection = match self.connection().await {
            // Nothing was sent yet, so a write may try again as well.
            Err(_) => self.connection().await?,
            Ok(connection) => connection,
        };
        let rows = within(STATEMENT_TIMEOUT, async {
            let result = connection.query(statement.text, parameters).await?;
            let (_, mut stream, outcome) = result.into_inner();
            let mut rows = Vec::new();
            while let Some(row) = stream.next().await {
                rows.push(row);
            }
            // Errors after the statement was bound (a unique violation, say) are only here.
            outcome.await?;
            Ok(rows)
        })
        .await
        .unwrap_or_else(|| Err(DbError::timeout("the statement took too long")))
        .map_err(|error: DbError| error.of(statement.name));
        if rows.as_ref().is_err_and(DbError::is_unavailable) {
            self.forget(&connection).await;
        }
        rows
    }

    /// The kept connection, or a new one. One request opens it while the others wait for it, none longer than the timeout.
    async fn connection(&self) -> Result<Arc<Connection>, DbError> {
        within(OPEN_TIMEOUT, async {
            let mut kept = self.connection.lock().await;
            if let Some(connection) = kept.as_ref() {
                return Ok(Arc::clone(connection));
            }
            let connection = Arc::new(Connection::open(self.url.as_str()).await?);
            *kept = Some(Arc::clone(&connection));
            Ok(connection)
        })
        .await
        .unwrap_or_else(|| Err(DbError::timeout("no connection was to be had")))
    }

    /// Drops the kept connection, unless another request has already put a new one in its place.
    async fn forget(&self, broken: &Arc<Connection>) {
        let mut kept = self.connection.lock().await;
        if kept.as_ref().is_some_and(|connection| Arc::ptr_eq(connection, broken)) {
            *kept = None;
        }
    }
}

/// What the future yields, or `None` when it takes longer; it is then dropped, which cancels the host's call.
async fn within<T>(limit: Duration, future: impl Future<Output = T>) -> Option<T> {
    match select(std::pin::pin!(future), std::pin::pin!(spin_sdk::time::sleep(limit))).await {
        Either::Left((output, _)) => Some(output),
        Either::Right(_) => None,
    }
}
