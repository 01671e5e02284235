//! A database of one host: a clone of the migrated template, dropped with it.

use std::path::Path;

use anyhow::{Context as _, Result};
use sqlx::migrate::Migrator;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use uuid::Uuid;

/// A database.
pub struct Database {
    name: String,
    server: String,
}

impl Database {
    /// A new clone of the template that `cargo xtask test` migrated.
    ///
    /// # Errors
    /// When the tests were not started by `cargo xtask test`, or Postgres refuses.
    pub async fn clone_template() -> Result<Self> {
        let server = variable("FRONTDESK_TEST_DATABASE_URL")?;
        let template = variable("FRONTDESK_TEST_TEMPLATE")?;
        let name = format!("frontdesk_test_{}", Uuid::new_v4().simple());
        let database = Self { name, server };
        database.on_server(&format!("create database {} template {template}", database.name)).await?;
        Ok(database)
    }

    /// A new database on a server, brought up to date by the files of `migrations/`.
    ///
    /// # Errors
    /// When Postgres refuses.
    pub(crate) async fn migrated(server: String) -> Result<Self> {
        let database = Self { name: format!("frontdesk_test_{}", Uuid::new_v4().simple()), server };
        database.on_server(&format!("create database {}", database.name)).await?;
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../migrations");
        Migrator::new(folder).await?.run(&mut database.connect().await?).await.context("migrating")?;
        Ok(database)
    }

    /// Its URL, for the variable `database_url`.
    pub fn url(&self) -> String {
        let (before, query) = self.server.split_once('?').unwrap_or((&self.server, ""));
        let authority_end =
            before.get("postgres://".len()..).and_then(|rest| rest.find('/')).map(|at| at + "postgres://".len());
        let server = before.get(..authority_end.unwrap_or(before.len())).unwrap_or(before);
        if query.is_empty() { format!("{server}/{}", self.name) } else { format!("{server}/{}?{query}", self.name) }
    }

    /// `postgres://HOST:PORT`, for the variable `database_host`.
    pub fn host(&self) -> String {
        let after_scheme = self.server.split_once("://").map_or(self.server.as_str(), |(_, rest)| rest);
        let authority = after_scheme.split(['/', '?']).next().unwrap_or(after_scheme);
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        format!("postgres://{host}")
    }

    /// A connection to it.
    ///
    /// # Errors
    /// When Postgres refuses.
    pub async fn connect(&self) -> Result<PgConnection> {
        PgConnection::connect(&self.url()).await.context("connecting to the test database")
    }

    /// Runs a statement in it, with one text parameter.
    ///
    /// # Errors
    /// When Postgres refuses.
    pub async fn execute(&self, statement: &'static str, parameter: &str) -> Result<u64> {
        let mut connection = self.connect().await?;
        Ok(sqlx::query(statement).bind(parameter).execute(&mut connection).await?.rows_affected())
    }

    /// Runs a statement that takes no parameters: DDL.
    ///
    /// # Errors
    /// When Postgres refuses.
    pub async fn raw(&self, statement: &'static str) -> Result<()> {
        sqlx::raw_sql(statement).execute(&mut self.connect().await?).await?;
        Ok(())
    }

    /// Runs a statement and keeps its locks.
    ///
    /// # Errors
    /// When Postgres refuses.
    pub async fn hold(&self, statement: &'static str) -> Result<Lock> {
        let mut connection = self.connect().await?;
        sqlx::raw_sql("begin").execute(&mut connection).await?;
        sqlx::raw_sql(statement).execute(&mut connection).await?;
        Ok(Lock(connection))
    }

    /// Asks it for rows of a text and a number.
    ///
    /// # Errors
    /// When Postgres refuses.
    pub async fn counts(&self, statement: &'static str) -> Result<Vec<(String, i64)>> {
        Ok(sqlx::query_as(statement).fetch_all(&mut self.connect().await?).await?)
    }

    /// Asks it for one text, with one text parameter.
    ///
    /// # Errors
    /// When Postgres refuses, or there is not exactly one.
    pub async fn text(&self, statement: &'static str, parameter: &str) -> Result<String> {
        let mut connection = self.connect().await?;
        Ok(sqlx::query_scalar(statement).bind(parameter).fetch_one(&mut connection).await?)
    }

    /// Drops it, whoever is connected.
    ///
    /// # Errors
    /// When Postgres refuses.
    pub async fn drop(self) -> Result<()> {
        self.on_server(&format!("drop database if exists {} with (force)", self.name)).await
    }

    async fn on_server(&self, statement: &str) -> Result<()> {
        let mut server = PgConnection::connect(&self.server).await.context("connecting to the test server")?;
        // The names are our own, and DDL takes no parameters.
        sqlx::raw_sql(AssertSqlSafe(statement.to_owned()))
            .execute(&mut server)
            .await
            .context("preparing the test database")?;
        Ok(())
    }
}

/// The locks of a statement; see [`Database::hold`].
pub struct Lock(PgConnection);

impl Lock {
    /// Gives them up.
    ///
    /// # Errors
    /// When Postgres refuses.
    pub async fn release(self) -> Result<()> {
        Ok(self.0.close().await?)
    }
}

pub(crate) fn variable(name: &str) -> Result<String> {
    std::env::var(name).with_context(|| format!("{name} is not set: start the tests with scripts/test"))
}
