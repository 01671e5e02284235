//! The embedded Postgres: a private cluster of this checkout, run by the programs on this machine.
//!
//! Several commands may use it at once (`up` in one terminal, `test` in another). Whoever finds it stopped starts it; whoever
//! is the last to use it stops it, if one of these commands started it. A server that the user started, with `pg_ctl` say, is
//! used and left running.
//!
//! Deliberately not here: a server elsewhere. Who is given a database URL by the operator does not come here at all.

mod account;
mod cluster;
mod home;
mod programs;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result};

use self::cluster::{Cluster, OWNER};
use self::programs::Programs;
use crate::checkout::Checkout;
use crate::database::{self, identifier, literal};
use crate::lock::Lock;
use crate::signals::{self, Interrupted};

/// `cargo xtask postgres`: runs the server until a signal arrives, for a plain `spin up`, `psql`, or tests run by hand.
pub(crate) fn run() -> Result<()> {
    let postgres = Postgres::find_or_start(&Checkout::find()?)?;
    println!("{} (Ctrl-C stops it, unless another command uses it)", postgres.describe());
    loop {
        match signals::sleep(Duration::from_secs(60)) {
            Err(error) if error.is::<Interrupted>() => return Ok(()),
            slept => slept?,
        }
    }
}

/// The folder of the Postgres programs, for tests that run servers of their own.
pub(crate) fn programs_folder() -> Option<PathBuf> {
    Some(Programs::find(None)?.folder)
}

/// A running server; it may stop when this is dropped.
pub(crate) struct Postgres {
    cluster: Cluster,
    port: u16,
    was_running: bool,
    files: Files,
    in_use: Option<Lock>,
}

/// What the commands that use a cluster agree by.
struct Files {
    /// Held while the server is started or stopped.
    turn: PathBuf,
    /// Shared by everybody who uses the server.
    users: PathBuf,
}

impl Postgres {
    /// Finds the server, or starts it, or makes a cluster first.
    pub(crate) fn find_or_start(checkout: &Checkout) -> Result<Self> {
        let files = Files { turn: checkout.local("postgres.lock")?, users: checkout.local("postgres.users")? };
        signals::catch();
        let _turn = Lock::exclusive(&files.turn)?;
        let cluster = Cluster::open_or_create(checkout)?;
        let found = cluster.running()?;
        let was_running = found.is_some();
        let port = match found {
            Some(port) => port,
            None => cluster.start(checkout)?,
        };
        // From here on an error, or a signal, stops what was started.
        let in_use = Some(Lock::shared(&files.users)?);
        Ok(Self { cluster, port, was_running, files, in_use })
    }

    /// For people.
    pub(crate) fn describe(&self) -> String {
        let state = if self.was_running { "running already" } else { "started" };
        format!("Postgres {} on 127.0.0.1:{}, {state}", self.cluster.major(), self.port)
    }

    /// The database `postgres`, with all rights.
    pub(crate) fn superuser_url(&self) -> String {
        self.cluster.superuser_url(self.port)
    }

    /// The application's database, with the rights of its owner; made when it is not there.
    pub(crate) fn application_url(&self) -> Result<String> {
        let url = self.cluster.owner_url(self.port);
        signals::block_on(async {
            if let Ok(connection) = database::connect(&url).await {
                database::close(connection).await;
                return Ok(());
            }
            self.create_application_database().await.with_context(|| format!("cannot create the database {OWNER}"))
        })?;
        Ok(url)
    }

    async fn create_application_database(&self) -> Result<()> {
        let mut server = database::connect(&self.superuser_url()).await?;
        let (owner, password) = (identifier(OWNER), literal(self.cluster.owner_password()));
        for (catalogue, create) in [
            ("select exists (select 1 from pg_roles where rolname = $1)", format!("create role {owner}")),
            (
                "select exists (select 1 from pg_database where datname = $1)",
                format!("create database {owner} owner {owner}"),
            ),
        ] {
            if !sqlx::query_scalar(catalogue).bind(OWNER).fetch_one(&mut server).await.map_err(database::explain)? {
                database::execute(&mut server, create).await?;
            }
        }
        database::execute(&mut server, format!("alter role {owner} login password {password}")).await?;
        database::close(server).await;
        Ok(())
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // Without the turn another command could start to use the server while it is being stopped.
        let _turn = Lock::exclusive_uninterrupted(&self.files.turn);
        self.in_use = None;
        let Ok(Ok(_alone)) = Lock::try_exclusive(&self.files.users, "") else { return };
        if self.cluster.was_started_here() {
            self.cluster.stop();
        }
    }
}
