//! The program that runs the application: Spin where a recent one is installed, else the development host of this workspace.

use std::collections::BTreeMap;
use std::fs::File;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use crate::build::{self, Profile};
use crate::checkout::Checkout;
use crate::http::{Answer, Connection};
use crate::process::{self, Process};
use crate::signals::{self, Interrupted};
use crate::{manifest, variables};

/// The package of the development host, and its program.
const DEVHOST: &str = "devhost";
/// The oldest Spin that can run the components: they are made for WASI 0.3.0, which 4.0 did not have.
const OLDEST_SPIN: (u64, u64) = (4, 1);
/// What Spin calls the plugin that has the cron trigger, and the oldest one that knows `spin:cron@3.0.0`.
const CRON_PLUGIN: &str = "trigger-cron";
const OLDEST_CRON_PLUGIN: (u64, u64) = (0, 5);
/// What the host is told in its environment, unless somebody has told it otherwise.
const ENVIRONMENT: [(&str, &str); 2] = [
    // Hashing a password and signing with RSA occupy a worker thread of the host; a machine with few cores needs more of them
    // than it has cores.
    ("TOKIO_WORKER_THREADS", "8"),
    // How much of an instance's memory stays with the host when the instance has ended, in bytes. Spin's two MiB make 100 MB of
    // what nobody uses.
    ("SPIN_WASMTIME_LINEAR_MEMORY_KEEP_RESIDENT", "131072"),
];

/// Where the application is served unless another address is asked for.
pub const DEFAULT_LISTEN: &str = "127.0.0.1:3000";
/// How long the host may take until it listens: the first start compiles all components to machine code.
const UNTIL_LISTENING: Duration = Duration::from_secs(300);
/// How long the application may then say that something is missing.
const UNTIL_READY: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(25);

/// Which host.
#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
pub enum Kind {
    /// `spin up`, which is what production uses
    Spin,
    /// The development host of this workspace
    Devhost,
}

/// The choice between them, for the commands that start one.
#[derive(clap::Args)]
pub struct Choice {
    /// The host to use [default: spin when one of at least 4.1 is on the PATH, else devhost]
    #[arg(long, value_enum, env = "FRONTDESK_HOST", hide_env_values = true)]
    pub host: Option<Kind>,
}

/// A host that can be started.
pub struct Host {
    /// Which one it is.
    pub kind: Kind,
    /// Its program.
    pub program: PathBuf,
    /// For people.
    pub description: String,
    /// Whether it runs what a cron trigger has.
    has_cron: bool,
}

impl Host {
    /// The one that was asked for, or the best there is.
    pub fn find(target: &Path, profile: Profile, choice: &Choice) -> Result<Self> {
        match choice.host {
            Some(Kind::Devhost) => Ok(Self::devhost(target, profile, "devhost")),
            Some(Kind::Spin) => match spin()? {
                Some((program, version)) => Self::spin(program, &version),
                None => bail!("`spin` is not on the PATH"),
            },
            None => match spin()? {
                Some((program, version)) if is_recent(&version) => Self::spin(program, &version),
                Some((_, version)) => {
                    let version = version.trim();
                    Ok(Self::devhost(target, profile, &format!("devhost ({version} is too old: 4.1 is needed)")))
                }
                None => Ok(Self::devhost(target, profile, "devhost (spin is not installed)")),
            },
        }
    }

    fn spin(program: PathBuf, version: &str) -> Result<Self> {
        let has_cron = has_cron_plugin(&program)?;
        let mut description = version.trim().to_owned();
        if !has_cron {
            description += &format!(
                " without its cron plugin, so that nothing is done regularly and no mail is sent (`spin plugins install {CRON_PLUGIN}` changes that)"
            );
        }
        Ok(Self { kind: Kind::Spin, program, description, has_cron })
    }

    fn devhost(target: &Path, profile: Profile, description: &str) -> Self {
        let program = build::program(target, profile, DEVHOST);
        Self { kind: Kind::Devhost, program, description: description.to_owned(), has_cron: true }
    }

    /// The program of this workspace that has to be built before it can be started.
    pub fn to_build(&self) -> Option<&'static str> {
        (self.kind == Kind::Devhost).then_some(DEVHOST)
    }

    /// As `FRONTDESK_HOST` spells it.
    pub fn name(&self) -> &'static str {
        match self.kind {
            Kind::Spin => "spin",
            Kind::Devhost => "devhost",
        }
    }

    /// Starts an application and waits until it is ready.
    pub fn start(&self, application: &Application, listen: SocketAddr, setup: Setup<'_>) -> Result<Running> {
        let mut command = Command::new(&self.program);
        // Spin looks for `.env` in the working directory.
        command.current_dir(application.manifest.parent().context("a manifest is in a folder")?);
        command.arg("up").arg("-f").arg(&application.manifest);
        // Not `--listen`: with RUST_LOG set, Spin gives that flag to its cron plugin too, which does not know it.
        command.env("SPIN_HTTP_LISTEN_ADDR", listen.to_string());
        if !self.has_cron {
            // Spin refuses an application with a trigger that it does not have.
            for component in manifest::http_components(&application.manifest)? {
                command.args(["-c", &component]);
            }
        }
        // No state on disk, and so no log files that grow without end: what the components write is on the terminal only. An
        // empty `--log-dir` would say the same, but Spin's command line refuses it against its own help.
        command.args(["--state-dir", ""]);
        command.envs(setup.environment);
        command.envs(ENVIRONMENT.into_iter().filter(|(name, _)| std::env::var_os(name).is_none()));
        if let Some(log) = setup.log {
            command.stdout(log.try_clone()?).stderr(log.try_clone()?);
        }
        let (variables, address) = (manifest::variables(&application.manifest)?, reachable(listen));
        let mut running = Running { process: Process::spawn(&mut command)?, address, variables };
        running.wait_until_ready(application.ready)?;
        Ok(running)
    }
}

/// What a host runs.
pub struct Application {
    /// Its `spin.toml`.
    pub manifest: PathBuf,
    /// The path that answers with a success once it can be used.
    pub ready: &'static str,
}

impl Application {
    /// Frontdesk.
    pub fn frontdesk(checkout: &Checkout) -> Self {
        Self { manifest: checkout.path("spin.toml"), ready: "/readyz" }
    }
}

/// What a host is started with.
#[derive(Default)]
pub struct Setup<'a> {
    /// Beside this program's own environment.
    pub environment: BTreeMap<String, String>,
    /// Where its output goes instead of the terminal.
    pub log: Option<&'a File>,
}

/// A host that serves; dropping it stops it.
pub struct Running {
    process: Process,
    address: SocketAddr,
    /// The names of the application's variables. What is wrong with one of them stays so.
    variables: Vec<String>,
}

impl Running {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How much memory it has in use, in KiB.
    pub fn memory(&self) -> Result<u64> {
        self.process.memory()
    }

    /// How long it has kept a core busy, where the system has a clock for that.
    pub fn cpu_time(&self) -> Result<Option<Duration>> {
        self.process.cpu_time()
    }

    /// Waits until the host ends by itself, which is always an error, or a signal arrives, which is one too.
    pub fn wait(&mut self) -> Result<()> {
        let status = self.process.wait()?;
        bail!("the host ended ({status})")
    }

    fn wait_until_ready(&mut self, path: &str) -> Result<()> {
        let started = Instant::now();
        let mut listening = None;
        loop {
            if let Some(status) = self.process.ended()? {
                bail!("the host ended before it was ready ({status}); its output says why");
            }
            let answer = signals::block_on(readiness(self.address, path));
            signals::check()?;
            match answer {
                Ok(Some(answer)) if answer.status.is_success() => return Ok(()),
                Ok(answer) => {
                    let complaints = answer.as_ref().map(|answer| variables::complaints(answer, &self.variables));
                    if let Some(complaints) = complaints.filter(|complaints| !complaints.is_empty()) {
                        bail!("{}", complaints.join("\nerror: "));
                    }
                    let since = *listening.get_or_insert_with(Instant::now);
                    if since.elapsed() > UNTIL_READY {
                        let reason = answer.map_or_else(
                            || "no answer".to_owned(),
                            |answer| format!("{}: {}", answer.status, answer.text()),
                        );
                        bail!("{path} is not content after {} s: {reason}", UNTIL_READY.as_secs());
                    }
                }
                Err(_) if started.elapsed() > UNTIL_LISTENING => {
                    bail!("the host does not listen on {} after {} s", self.address, UNTIL_LISTENING.as_secs());
                }
                Err(_) => {}
            }
            signals::sleep(POLL)?;
        }
    }
}

/// What this path answers; `None` when it takes long, an error when nobody listens.
async fn readiness(address: SocketAddr, path: &str) -> Result<Option<Answer>> {
    let mut connection = Connection::open(address).await?;
    let request = connection.get(path)?;
    match tokio::time::timeout(Duration::from_secs(5), connection.send(request)).await {
        // A connection that breaks is a host that is not ready; whether it ended is asked elsewhere.
        Ok(answer) => Ok(answer.ok()),
        Err(_) => Ok(None),
    }
}

/// The address to connect to for one to listen on: all interfaces are no destination.
pub fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

/// Spin on the PATH, and what it says of its version.
fn spin() -> Result<Option<(PathBuf, String)>> {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let Some(program) = std::env::split_paths(&folders).map(|folder| folder.join("spin")).find(|path| path.is_file())
    else {
        return Ok(None);
    };
    match process::output(Command::new(&program).arg("--version")) {
        Ok(version) => Ok(Some((program, version))),
        Err(error) if error.is::<Interrupted>() => Err(error),
        Err(_) => {
            // Debian's package of this name is a model checker.
            println!("{} is another program than Spin, or does not run", program.display());
            Ok(None)
        }
    }
}

fn has_cron_plugin(spin: &Path) -> Result<bool> {
    match process::output(Command::new(spin).args(["plugins", "list", "--installed"])) {
        Ok(plugins) => Ok(lists_cron_plugin(&plugins)),
        Err(error) if error.is::<Interrupted>() => Err(error),
        Err(_) => Ok(false),
    }
}

/// A line for each plugin: `trigger-cron 0.6.0 [installed]`.
fn lists_cron_plugin(plugins: &str) -> bool {
    plugins.lines().any(|line| {
        let mut words = line.split_whitespace();
        let is_it = words.next() == Some(CRON_PLUGIN);
        is_it && words.next().and_then(major_and_minor).is_some_and(|version| version >= OLDEST_CRON_PLUGIN)
    })
}

/// `spin 4.1.0-pre0 (94a8fc8 2026-08-21)`. The pre-releases of 4.1 count: they have what is needed.
fn is_recent(version: &str) -> bool {
    version.split_whitespace().nth(1).and_then(major_and_minor).is_some_and(|version| version >= OLDEST_SPIN)
}

fn major_and_minor(version: &str) -> Option<(u64, u64)> {
    let mut numbers = version.trim_start_matches('v').split(['.', '-', '+']).map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spin_from_4_1_on_is_recent_its_pre_releases_included() {
        for version in [
            "spin 4.1.0-pre0 (94a8fc8 2026-08-21)",
            "spin 4.1.0 (abc 2026-10-01)",
            "spin 4.10.2",
            "spin 5.0.0",
            "spin v4.1.0",
        ] {
            assert!(is_recent(version), "{version}");
        }
        for version in ["spin 4.0.2 (abc 2026-06-23)", "spin 3.6.3", "spin canary", "spin", "", "SPIN 4"] {
            assert!(!is_recent(version), "{version}");
        }
    }

    #[test]
    fn a_cron_plugin_from_0_5_on_is_found_among_the_plugins() {
        for plugins in ["trigger-cron 0.5.0 [installed]\n", "aka 0.7.4 [installed]\ntrigger-cron 0.6.0 [installed]\n"] {
            assert!(lists_cron_plugin(plugins), "{plugins}");
        }
        for plugins in
            ["No plugins found\n", "", "trigger-cron 0.3.0 [installed]\n", "trigger-cronos 1.0.0 [installed]\n"]
        {
            assert!(!lists_cron_plugin(plugins), "{plugins}");
        }
    }

    #[test]
    fn all_interfaces_are_reached_through_the_loopback() {
        assert_eq!(reachable("0.0.0.0:3000".parse().unwrap()), "127.0.0.1:3000".parse().unwrap());
        assert_eq!(reachable("[::]:3000".parse().unwrap()), "[::1]:3000".parse().unwrap());
        assert_eq!(reachable("10.0.0.7:3000".parse().unwrap()), "10.0.0.7:3000".parse().unwrap());
    }
}
