//! The private cluster of this checkout: making it, starting it, stopping it.

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::Write as _;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use sqlx::PgConnection;

use super::account::Account;
use super::home;
use super::programs::Programs;
use crate::checkout::{Checkout, read_if_there, write_private};
use crate::{database, keys, process, signals};

/// The account in Postgres that may do everything; the applications have another.
const SUPERUSER: &str = "postgres";
/// The account that owns the application's database, and its name.
pub(super) const OWNER: &str = "frontdesk";

/// The ports to choose from: below those that systems give to outgoing connections, which could take one that the cluster
/// does not use at the moment.
const FIRST_PORT: u16 = 15_432;
const PORTS: u16 = 2_000;

/// What these commands give to the servers that they start; the server keeps it in `postmaster.opts`. A server without it was
/// started by somebody else.
const STARTED_HERE: &str = "cluster_name=frontdesk_xtask";

const MAX_LOG: u64 = 10 * 1024 * 1024;
const SETTLING: Duration = Duration::from_millis(100);
const SETTINGS: &str = "frontdesk.conf";

/// A cluster on disk.
pub(super) struct Cluster {
    home: PathBuf,
    account: Account,
    programs: Programs,
    /// Of [`SUPERUSER`] and [`OWNER`].
    passwords: (String, String),
}

impl Cluster {
    /// This checkout's cluster, made when there is none.
    pub(super) fn open_or_create(checkout: &Checkout) -> Result<Self> {
        let existing = home::find(checkout)?.filter(|home| home.join("data").exists());
        let (home, account, programs) = match existing {
            Some(home) => {
                let account = Account::of_owner(&home.join("data"))?;
                let version = fs::read_to_string(home.join("data/PG_VERSION"));
                let version = version.with_context(|| format!("{} holds no Postgres cluster", home.display()))?;
                (home, account, Programs::find_or_install(version.trim().parse().ok())?)
            }
            None => {
                let programs = Programs::find_or_install(None)?;
                let account = Account::for_new_cluster()?;
                // The folder may be there without data, when an earlier attempt was interrupted.
                let home = home::create(checkout, account)?;
                initialise(&home, account, &programs)?;
                (home, account, programs)
            }
        };
        let passwords = read_if_there(&home.join("passwords"))?;
        let passwords = passwords.as_deref().and_then(|text| text.split_once('\n')).with_context(|| {
            format!(
                "{} is missing: move {} away to begin with a new cluster",
                home.join("passwords").display(),
                home.display()
            )
        })?;
        let passwords = (passwords.0.trim().to_owned(), passwords.1.trim().to_owned());
        Ok(Self { home, account, programs, passwords })
    }

    pub(super) fn major(&self) -> u32 {
        self.programs.major
    }

    pub(super) fn owner_password(&self) -> &str {
        &self.passwords.1
    }

    /// With all rights.
    pub(super) fn superuser_url(&self, port: u16) -> String {
        format!("postgres://{SUPERUSER}:{}@127.0.0.1:{port}/postgres", self.passwords.0)
    }

    /// With the rights of the application.
    pub(super) fn owner_url(&self, port: u16) -> String {
        format!("postgres://{OWNER}:{}@127.0.0.1:{port}/{OWNER}", self.passwords.1)
    }

    fn data(&self) -> PathBuf {
        self.home.join("data")
    }

    /// The port of the server that the cluster's own file names; it may be gone.
    fn named(&self) -> Option<u16> {
        parse_pid_file(&fs::read_to_string(self.data().join("postmaster.pid")).ok()?)
    }

    /// Whether one of these commands started the server, not necessarily this one: it may have been killed.
    pub(super) fn was_started_here(&self) -> bool {
        let options = fs::read_to_string(self.data().join("postmaster.opts")).unwrap_or_default();
        self.named().is_some() && options.contains(STARTED_HERE)
    }

    /// The port of the server that runs it, if one does. The file that a crash left behind may name a process that is another by now, and
    /// a port that another server has: only a server that knows the password and these data counts.
    ///
    /// A signal while it is asked is no answer: it is passed on.
    pub(super) fn running(&self) -> Result<Option<u16>> {
        let Some(port) = self.named() else { return Ok(None) };
        let url = self.superuser_url(port);
        let folder = signals::block_on(async {
            let mut server = connect_when_settled(&url).await?;
            let folder: String = sqlx::query_scalar("select current_setting('data_directory')")
                .fetch_one(&mut server)
                .await
                .map_err(database::explain)?;
            database::close(server).await;
            Ok(folder)
        });
        let folder = match folder {
            Err(error) if error.is::<signals::Interrupted>() => return Err(error),
            Err(_) => return Ok(None),
            Ok(folder) => folder,
        };
        let is_ours = Path::new(&folder).canonicalize().ok() == self.data().canonicalize().ok();
        Ok(is_ours.then_some(port))
    }

    /// Starts the server.
    pub(super) fn start(&self, checkout: &Checkout) -> Result<u16> {
        self.write_settings(checkout)?;
        let log = self.home.join("log");
        if fs::metadata(&log).is_ok_and(|log| log.len() > MAX_LOG) {
            // The folder is the account's: what stands there may be a link, which must not be written through.
            fs::remove_file(&log)?;
        }
        let before = fs::metadata(&log).map_or(0, |log| log.len());
        let mut start = self.pg_ctl("start");
        start.args(["-w", "-t", "60", "-o", &format!("-c {STARTED_HERE}"), "-l"]).arg(&log);
        if let Err(error) = process::output(&mut start) {
            // pg_ctl only says that it failed; why is in the log.
            let log_text = fs::read(&log).unwrap_or_default();
            let new =
                String::from_utf8_lossy(log_text.get(usize::try_from(before)?..).unwrap_or_default()).into_owned();
            let fatal = |line: &'_ str| {
                Some(line.split_once("FATAL:").or_else(|| line.split_once("PANIC:"))?.1.trim().to_owned())
            };
            let reason = new.lines().rev().find_map(fatal);
            return match reason {
                Some(reason) => bail!("Postgres does not start: {reason} (log: {})", log.display()),
                None => Err(error.context(format!("Postgres does not start (log: {})", log.display()))),
            };
        }
        let answer = self.running().and_then(|port| {
            port.with_context(|| format!("Postgres was started but does not answer (log: {})", log.display()))
        });
        // Nobody else would stop it.
        answer.inspect_err(|_| self.stop())
    }

    /// Stops the server, not waiting for its clients. Called while unwinding, so it reports instead of failing.
    pub(super) fn stop(&self) {
        let stop = |mode| process::output_uninterrupted(self.pg_ctl("stop").args(["-w", "-t", "30", "-m", mode]));
        if let Err(error) = stop("fast").or_else(|_| stop("immediate")) {
            eprintln!("warning: Postgres could not be stopped: {error:#}");
        }
    }

    fn pg_ctl(&self, action: &str) -> std::process::Command {
        let mut command = self.account.command(&self.programs.path("pg_ctl"));
        command.args([action, "-s", "-D"]).arg(self.data());
        command
    }

    /// Written at every start, so that a newer version of this program brings its settings to an older cluster.
    fn write_settings(&self, checkout: &Checkout) -> Result<()> {
        let path = self.data().join(SETTINGS);
        let kept = read_if_there(&path)?.as_deref().and_then(parse_port);
        let port = match kept {
            Some(port) if is_free(port) => port,
            Some(port) => {
                let other = free_port(checkout)?;
                println!("Port {port}, which this checkout's Postgres had, is taken: it moves to {other}");
                other
            }
            None => free_port(checkout)?,
        };
        self.account.write(&path, &settings(port))
    }
}

/// Reached over TCP from this machine only, with room for the pools of all components (64 connections each).
fn settings(port: u16) -> String {
    format!(
        "# Written by `cargo xtask` at every start: changes here are lost; put yours into postgresql.conf, after the include.
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
port = {port}
max_connections = 1000
log_checkpoints = off
log_autovacuum_min_duration = -1
"
    )
}

fn parse_port(settings: &str) -> Option<u16> {
    settings.lines().find_map(|line| line.strip_prefix("port = "))?.trim().parse().ok()
}

/// Lines: process id, data folder, time of start, port, ...
fn parse_pid_file(text: &str) -> Option<u16> {
    text.lines().nth(3)?.trim().parse().ok()
}

/// A server that is starting or stopping tells everybody to come back later: a command that was killed may have left it so.
async fn connect_when_settled(url: &str) -> Result<PgConnection> {
    loop {
        match database::connect(url).await {
            Err(error) if database::is_sqlstate(&error, "57P03") => tokio::time::sleep(SETTLING).await,
            connected => return connected,
        }
    }
}

fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

/// Each checkout begins its search elsewhere: what is free now may belong to another checkout's cluster that is not running.
fn free_port(checkout: &Checkout) -> Result<u16> {
    let mut hasher = DefaultHasher::new();
    checkout.root().hash(&mut hasher);
    let first = u16::try_from(hasher.finish() % u64::from(PORTS))?;
    let candidates = (0..PORTS).map(|step| FIRST_PORT + (first + step) % PORTS);
    candidates.into_iter().find(|port| is_free(*port)).context("no port is free for Postgres")
}

/// Makes a cluster, under another name until it is complete: an interrupted attempt leaves nothing that looks like one.
fn initialise(home: &Path, account: Account, programs: &Programs) -> Result<()> {
    println!("Creating a Postgres {} cluster in {}", programs.major, home.display());
    let unfinished = home.join("data.new");
    if unfinished.exists() {
        fs::remove_dir_all(&unfinished).with_context(|| format!("cannot remove {}", unfinished.display()))?;
    }
    let (superuser, owner) = (keys::random_token()?, keys::random_token()?);
    let password_file = home.join("initdb-password");
    write_private(&password_file, &format!("{superuser}\n"))?;
    account.give(&password_file)?;
    let initdb = |locale: &str| {
        let mut command = account.command(&programs.path("initdb"));
        command.arg("-D").arg(&unfinished).arg("--pwfile").arg(&password_file);
        command.args([
            "--username",
            SUPERUSER,
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--no-sync",
            "--no-instructions",
        ]);
        process::output(command.arg(format!("--locale={locale}")))
    };
    // C knows the case of ASCII letters only, but every system has it; initdb cleans up after a failure.
    let made = initdb("C.UTF-8").or_else(|_| initdb("C"));
    let removed = fs::remove_file(&password_file);
    made.context("cannot create a Postgres cluster")?;
    removed.with_context(|| format!("cannot remove {}", password_file.display()))?;
    let configuration = unfinished.join("postgresql.conf");
    let include = || writeln!(File::options().append(true).open(&configuration)?, "\ninclude '{SETTINGS}'");
    include().with_context(|| format!("cannot write {}", configuration.display()))?;
    write_private(&home.join("passwords"), &format!("{superuser}\n{owner}\n"))?;
    fs::rename(&unfinished, home.join("data")).with_context(|| format!("cannot rename {}", unfinished.display()))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_survives_in_the_settings() {
        assert_eq!(parse_port(&settings(15_999)), Some(15_999));
    }

    #[test]
    fn a_servers_port_is_read_from_its_pid_file() {
        let text = "4242\n/w/.local/postgres/data\n1760000000\n15999\n\n127.0.0.1\n  123 0\nready   \n";
        assert_eq!(parse_pid_file(text), Some(15_999));
        assert_eq!(parse_pid_file("4242\n"), None);
    }
}
