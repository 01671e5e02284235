//! Connections to Postgres, with errors that say what an operator needs and never a password; and the databases that this
//! program creates.

use std::str::FromStr as _;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, PgConnection};

/// How long a server may take to answer.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Opens a connection.
pub async fn connect(url: &str) -> Result<PgConnection> {
    // sqlx's own text could repeat a part of the URL.
    let options = PgConnectOptions::from_str(url).map_err(|_| anyhow!("the database URL is malformed"))?;
    let place = place(&options);
    match tokio::time::timeout(TIMEOUT, options.connect()).await {
        Ok(connected) => connected.map_err(explain).with_context(|| format!("cannot connect to Postgres ({place})")),
        Err(_) => Err(anyhow!("Postgres ({place}) does not answer within {} s", TIMEOUT.as_secs())),
    }
}

/// Where a URL points to, without the password.
pub fn describe(url: &str) -> String {
    PgConnectOptions::from_str(url).map_or_else(|_| "a malformed URL".to_owned(), |options| place(&options))
}

fn place(options: &PgConnectOptions) -> String {
    let database = options.get_database().unwrap_or_else(|| options.get_username());
    format!("{}:{}, database {database}", options.get_host(), options.get_port())
}

/// The same server, another database.
pub fn with_database(url: &str, database: &str) -> Result<String> {
    let mut url = url::Url::parse(url).map_err(|_| anyhow!("the database URL is malformed"))?;
    url.set_path(database);
    Ok(url.into())
}

/// Whether the server refused because of this SQLSTATE.
pub fn is_sqlstate(error: &anyhow::Error, state: &str) -> bool {
    error.downcast_ref::<DatabaseError>().is_some_and(|error| error.sqlstate.as_deref() == Some(state))
}

/// Creates an empty database in place of one of that name, which must be one of this program's own.
pub async fn recreate(server: &mut PgConnection, database: &str) -> Result<()> {
    drop_if_there(server, database).await?;
    execute(server, format!("create database {}", identifier(database))).await
}

/// Drops a database, whoever is connected to it.
pub async fn drop_if_there(server: &mut PgConnection, database: &str) -> Result<()> {
    execute(server, format!("drop database if exists {} with (force)", identifier(database))).await
}

/// Runs a statement whose names this program made up itself.
pub async fn execute(connection: &mut PgConnection, sql: String) -> Result<()> {
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(connection).await.map_err(explain)?;
    Ok(())
}

/// Ends a connection politely; a server that is gone already is fine.
pub async fn close(connection: PgConnection) {
    let _ = connection.close().await;
}

/// A name, quoted for SQL.
pub fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A text, quoted for SQL.
pub fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// What Postgres, or the way to it, said. Sqlx's own texts repeat each other along the chain of causes.
#[derive(Debug)]
pub struct DatabaseError {
    text: String,
    sqlstate: Option<String>,
}

impl std::fmt::Display for DatabaseError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for DatabaseError {}

/// To be applied to every error of sqlx's.
pub fn explain(error: sqlx::Error) -> anyhow::Error {
    let (text, sqlstate) = match &error {
        sqlx::Error::Database(error) => (error.message().to_owned(), error.code().map(Into::into)),
        sqlx::Error::Io(error) => (error.to_string(), None),
        _ => (error.to_string(), None),
    };
    DatabaseError { text, sqlstate }.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_holds_no_password() {
        let text = describe("postgres://desk:s3cret@db.example.com:6543/frontdesk?sslmode=require");
        assert_eq!(text, "db.example.com:6543, database frontdesk");
    }

    #[test]
    fn the_database_of_a_url_can_be_changed() {
        let url = with_database("postgres://u:p%40w@h:1/postgres?sslmode=disable", "x").unwrap();
        assert_eq!(url, "postgres://u:p%40w@h:1/x?sslmode=disable");
    }

    #[test]
    fn names_and_texts_are_quoted() {
        assert_eq!(identifier(r#"a"b"#), r#""a""b""#);
        assert_eq!(literal("a'b"), "'a''b'");
    }
}
