//! A Postgres server of a test's own, which it may stop, restart and kill.

use std::ffi::OsString;
use std::fs::File;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, User, geteuid};
use sqlx::{Connection as _, PgConnection};
use tempfile::TempDir;

use crate::database::{Database, variable};
use crate::host::UNTIL_STDIN_ENDS;

/// Below the ports that systems give to outgoing connections: one of those could take the port while the server is away.
const FIRST_PORT: u16 = 18_000;
const PORTS: u16 = 10_000;

/// How long a server may take to start or to stop.
const PATIENCE: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(10);

/// How a server ends.
#[derive(Clone, Copy, Debug)]
pub enum Stop {
    /// It ends what is running and says good-bye to its clients.
    Fast,
    /// Like a crash: it recovers from its log at the next start.
    Immediate,
}

/// A server with data of its own; stopped and removed when this is dropped. Like a host it runs under a shell, which ends it
/// with the test process however that ends.
pub struct Server {
    shell: Mutex<Option<Child>>,
    folder: TempDir,
    port: u16,
    programs: PathBuf,
    /// User and group to run it as, when the tests run as root, whom Postgres refuses.
    account: Option<(u32, u32)>,
}

impl Server {
    /// Makes a server with these lines in its configuration. It is not running yet.
    ///
    /// # Errors
    /// When `initdb` fails.
    pub fn create(settings: &[&str]) -> Result<Self> {
        let server = Self {
            shell: Mutex::default(),
            folder: TempDir::new()?,
            port: free_port()?,
            programs: PathBuf::from(variable("FRONTDESK_TEST_POSTGRES")?),
            account: account()?,
        };
        if let Some((user, group)) = server.account {
            chown(server.folder.path(), Some(user), Some(group))?;
        }
        let mut initdb = server.run_as(Command::new(server.programs.join("initdb")));
        run(initdb.arg("-D").arg(server.data()).args([
            "--username=postgres",
            "--auth=trust",
            "--encoding=UTF8",
            "--no-sync",
            "--locale=C",
        ]))?;
        let own = format!(
            "\nlisten_addresses = '127.0.0.1'\nport = {}\nunix_socket_directories = ''\n{}\n",
            server.port,
            settings.join("\n")
        );
        let configuration = server.data().join("postgresql.conf");
        let shipped = std::fs::read_to_string(&configuration)?;
        std::fs::write(configuration, shipped + own.as_str())?;
        Ok(server)
    }

    /// Starts it, and returns when it takes connections.
    ///
    /// # Errors
    /// When it does not.
    pub async fn start(&self) -> Result<()> {
        let log = File::options().create(true).append(true).open(self.log())?;
        let mut command = self.run_as(Command::new("sh"));
        command.args(["-c", UNTIL_STDIN_ENDS, "postgres"]).arg(self.programs.join("postgres"));
        command.arg("-D").arg(self.data()).env("STOP_SIGNAL", "QUIT");
        command.stdin(Stdio::piped()).stdout(log.try_clone()?).stderr(log);
        *self.shell() = Some(command.spawn().context("starting Postgres")?);
        let began = Instant::now();
        while let Err(error) = PgConnection::connect(&self.url()).await {
            if began.elapsed() > PATIENCE {
                bail!("Postgres does not start: {error}\n{}", std::fs::read_to_string(self.log())?);
            }
            tokio::time::sleep(POLL).await;
        }
        Ok(())
    }

    /// Stops it, and returns when it is gone.
    ///
    /// # Errors
    /// When it does not run.
    pub async fn stop(&self, stop: Stop) -> Result<()> {
        let signal = match stop {
            Stop::Fast => Signal::SIGINT,
            Stop::Immediate => Signal::SIGQUIT,
        };
        let running = std::fs::read_to_string(self.data().join("postmaster.pid")).context("Postgres does not run")?;
        kill(Pid::from_raw(running.lines().next().unwrap_or_default().parse()?), signal)?;
        let began = Instant::now();
        // The shell ends when the server does.
        while matches!(self.shell().as_mut().map(Child::try_wait), Some(Ok(None))) {
            ensure!(began.elapsed() < PATIENCE, "Postgres does not stop");
            tokio::time::sleep(POLL).await;
        }
        Ok(())
    }

    /// The migrated database of this server, which must be running.
    ///
    /// # Errors
    /// When Postgres refuses.
    pub async fn database(&self) -> Result<Database> {
        Database::migrated(self.url()).await
    }

    fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres?sslmode=disable", self.port)
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    fn shell(&self) -> MutexGuard<'_, Option<Child>> {
        self.shell.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// As the account, without settings of the caller's own Postgres, and where the account may be.
    fn run_as(&self, mut command: Command) -> Command {
        let is_foreign = |name: &OsString| name.to_string_lossy().starts_with("PG");
        for name in std::env::vars_os().map(|(name, _)| name).filter(is_foreign) {
            command.env_remove(name);
        }
        command.current_dir(Path::new("/"));
        if let Some((user, group)) = self.account {
            command.uid(user).gid(group);
        }
        command
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut shell) = self.shell().take() {
            drop(shell.stdin.take());
            let _ = shell.wait();
        }
    }
}

/// The first account without privileges, when the tests run as root.
fn account() -> Result<Option<(u32, u32)>> {
    if !geteuid().is_root() {
        return Ok(None);
    }
    for name in ["postgres", "nobody"] {
        if let Some(user) = User::from_name(name)? {
            return Ok(Some((user.uid.as_raw(), user.gid.as_raw())));
        }
    }
    bail!("there is neither an account `postgres` nor `nobody` to run Postgres as")
}

/// A port that no other server of this process has.
fn free_port() -> Result<u16> {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Other test processes begin elsewhere.
    let offset = u16::try_from(std::process::id() % u32::from(PORTS))?;
    for _ in 0..PORTS {
        let step = NEXT.fetch_add(1, Ordering::Relaxed);
        let port = FIRST_PORT + offset.wrapping_add(step) % PORTS;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(port);
        }
    }
    bail!("no port is free for Postgres")
}

fn run(command: &mut Command) -> Result<()> {
    let output = command.output().with_context(|| format!("running {command:?}"))?;
    let (printed, complaint) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success(), "{command:?}: {printed}{complaint}");
    Ok(())
}
