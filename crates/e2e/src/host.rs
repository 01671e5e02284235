//! The host process: `spin` or devhost, started with the same arguments, which ends with the test process however that ends.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use tempfile::TempDir;

use crate::database::variable;

/// How long a host may take until it serves: it compiles the components when nobody did so before.
const START_TIMEOUT: Duration = Duration::from_secs(180);

/// The shell starts the program that it is given and stops it, with `STOP_SIGNAL` or TERM, when its own standard input ends, which it does when the test process closes it or
/// is gone: so no host outlives its tests. When the program ends by itself, so does the shell.
pub(crate) const UNTIL_STDIN_ENDS: &str = r#"
    exec 3<&0
    "$@" </dev/null 3<&- &
    host=$!
    { read -r _ <&3; kill -s "${STOP_SIGNAL:-TERM}" "$host"; } >/dev/null 2>&1 &
    watch=$!
    exec 3<&- </dev/null
    wait "$host"
    kill "$watch" 2>/dev/null
"#;

/// How long a log line may take from the component to us.
const LOG_TIMEOUT: Duration = Duration::from_secs(10);

/// How often a log file is looked at.
const LOG_POLL: Duration = Duration::from_millis(20);

/// How much of its end is: a start that says more has failed.
const LOG_END: u64 = 64 * 1024;

/// What the host has printed, and the news of each line.
#[derive(Default)]
struct Log {
    lines: Mutex<Vec<String>>,
    grown: Condvar,
}

/// A host to be started.
pub struct HostBuilder {
    manifest: PathBuf,
    arguments: Vec<OsString>,
    environment: BTreeMap<String, OsString>,
    shell: String,
    log_file: Option<PathBuf>,
    is_scheduled: bool,
}

impl HostBuilder {
    /// Has it append what it prints to this file, instead of keeping it for [`Host::log`].
    #[must_use]
    pub fn log_file(mut self, file: impl Into<PathBuf>) -> Self {
        self.log_file = Some(file.into());
        self
    }

    /// Has it run what the manifest has done on a schedule too. Otherwise nothing happens that no test asks for.
    #[must_use]
    pub fn scheduled(mut self) -> Self {
        self.is_scheduled = true;
        self
    }

    /// Another application than Frontdesk.
    #[must_use]
    pub fn manifest(mut self, manifest: impl Into<PathBuf>) -> Self {
        self.manifest = manifest.into();
        self
    }

    /// Sets a Spin variable.
    #[must_use]
    pub fn variable(self, name: &str, value: impl Into<OsString>) -> Self {
        self.environment(&format!("SPIN_VARIABLE_{}", name.to_uppercase()), value)
    }

    /// Sets a variable of the host's own environment.
    #[must_use]
    pub fn environment(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.environment.insert(name.to_owned(), value.into());
        self
    }

    /// Adds an argument of `up`.
    #[must_use]
    pub fn argument(mut self, argument: impl Into<OsString>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Runs this in the shell that starts the host, before it does: limits of the process, say.
    #[must_use]
    pub fn prepare(mut self, script: &str) -> Self {
        self.shell = format!("{script}\n{}", self.shell);
        self
    }

    /// Starts it on a free port.
    ///
    /// # Errors
    /// When it does not serve.
    pub fn start(self) -> Result<Host> {
        let folder = TempDir::new()?;
        let components = if self.is_scheduled { BTreeSet::new() } else { unscheduled(&self.manifest)? };
        let mut command = Command::new("sh");
        command
            .args(["-c", &self.shell, "host"])
            .arg(variable("FRONTDESK_HOST_PROGRAM")?)
            .args(["up", "--listen", "127.0.0.1:0", "--from"])
            .arg(self.manifest)
            .args(components.iter().flat_map(|component| ["-c", component]))
            .args(self.arguments)
            // A `.env` of the checkout is not the tests' configuration.
            .current_dir(folder.path())
            .env("TOKIO_WORKER_THREADS", "8")
            .env_remove("RUST_LOG")
            .envs(self.environment)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let log = Arc::default();
        let (serving, served) = mpsc::channel();
        if let Some(path) = &self.log_file {
            let file = File::options().append(true).create(true).open(path)?;
            command.stdout(file.try_clone()?).stderr(file);
        }
        let mut shell = command.spawn().context("starting the host")?;
        collect(shell.stdout.take(), &log, &serving);
        collect(shell.stderr.take(), &log, &serving);
        if let Some(path) = self.log_file {
            thread::spawn(move || find_serving(&path, &serving));
        } else {
            drop(serving);
        }
        let mut host = Host { url: String::new(), log, shell, _folder: folder };
        // The channel also ends when the host does.
        host.url = served
            .recv_timeout(START_TIMEOUT)
            .with_context(|| format!("the host does not serve:\n{}", host.log().join("\n")))?;
        Ok(host)
    }
}

/// A running host; it ends when this is dropped.
pub struct Host {
    url: String,
    log: Arc<Log>,
    shell: Child,
    _folder: TempDir,
}

impl Host {
    /// A host of Frontdesk, unless it is given another manifest, that keeps no state on disk.
    pub fn builder() -> HostBuilder {
        HostBuilder {
            manifest: Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spin.toml"),
            arguments: vec!["--state-dir".into(), "".into()],
            environment: BTreeMap::new(),
            shell: UNTIL_STDIN_ENDS.to_owned(),
            log_file: None,
            is_scheduled: false,
        }
    }

    /// Whether the host can run what is [`HostBuilder::scheduled`]: Spin needs a plugin for it.
    ///
    /// # Errors
    /// When the tests were not started by `cargo xtask test`.
    pub fn has_scheduler() -> Result<bool> {
        if variable("FRONTDESK_HOST")? != "spin" {
            return Ok(true);
        }
        let list =
            Command::new(variable("FRONTDESK_HOST_PROGRAM")?).args(["plugins", "list", "--installed"]).output()?;
        Ok(String::from_utf8_lossy(&list.stdout).lines().any(|line| line.starts_with("trigger-cron ")))
    }

    /// Where it serves.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// How much memory it occupies, in bytes: its resident set, from Linux' procfs.
    ///
    /// # Errors
    /// On other systems, and when it has ended.
    pub fn resident_bytes(&self) -> Result<u64> {
        // The shell starts the host first; `spin up` starts a process that serves.
        let mut host = first_child(&self.shell.id().to_string())?.context("the host has ended")?;
        while let Some(child) = first_child(&host)? {
            host = child;
        }
        let status = std::fs::read_to_string(format!("/proc/{host}/status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("it occupies nothing")?;
        let kibibytes: u64 = line.trim().trim_end_matches("kB").trim().parse()?;
        Ok(kibibytes * 1024)
    }

    /// What it has printed so far.
    pub fn log(&self) -> Vec<String> {
        self.log.lines.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The first line that contains this, once it is there; `None` after ten seconds.
    pub fn wait_for_log(&self, text: &str) -> Option<String> {
        let lines = self.log.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let is_missing = |lines: &mut Vec<String>| !lines.iter().any(|line| line.contains(text));
        let (lines, _) =
            self.log.grown.wait_timeout_while(lines, LOG_TIMEOUT, is_missing).unwrap_or_else(PoisonError::into_inner);
        lines.iter().find(|line| line.contains(text)).cloned()
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        let _ = self.shell.wait();
    }
}

/// The components that have a route, if others have a schedule: Spin refuses an application with a trigger whose plugin is not
/// installed.
fn unscheduled(manifest: &Path) -> Result<BTreeSet<String>> {
    let read = || -> Result<toml::Table> { Ok(std::fs::read_to_string(manifest)?.parse()?) };
    let table = read().with_context(|| format!("reading {}", manifest.display()))?;
    let triggers = |kind: &str| table.get("trigger").and_then(|all| all.get(kind)).and_then(toml::Value::as_array);
    if triggers("cron").is_none() {
        return Ok(BTreeSet::new());
    }
    let component = |trigger: &toml::Value| Some(trigger.get("component")?.as_str()?.to_owned());
    Ok(triggers("http").into_iter().flatten().filter_map(component).collect())
}

fn first_child(process: &str) -> Result<Option<String>> {
    let children = std::fs::read_to_string(format!("/proc/{process}/task/{process}/children"))?;
    Ok(children.split_whitespace().next().map(str::to_owned))
}

/// Looks for the line in a file that somebody writes, for as long as somebody waits for it.
fn find_serving(file: &Path, serving: &mpsc::Sender<String>) {
    let began = Instant::now();
    while began.elapsed() < START_TIMEOUT {
        let text = end_of(file).unwrap_or_default();
        // A line without its end may be half of it.
        let lines = text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n'));
        if let Some(url) = lines.filter_map(|line| line.strip_prefix("Serving ")).next_back() {
            let _ = serving.send(url.to_owned());
            return;
        }
        thread::sleep(LOG_POLL);
    }
}

fn end_of(file: &Path) -> Result<String> {
    let mut file = File::open(file)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(LOG_END)))?;
    let mut end = Vec::new();
    file.read_to_end(&mut end)?;
    Ok(String::from_utf8_lossy(&end).into_owned())
}

fn collect(stream: Option<impl Read + Send + 'static>, log: &Arc<Log>, serving: &mpsc::Sender<String>) {
    let (log, serving) = (Arc::clone(log), serving.clone());
    thread::spawn(move || {
        for line in stream.into_iter().flat_map(|stream| BufReader::new(stream).lines()).map_while(Result::ok) {
            if let Some(url) = line.strip_prefix("Serving ") {
                let _ = serving.send(url.to_owned());
            }
            log.lines.lock().unwrap_or_else(PoisonError::into_inner).push(line);
            log.grown.notify_all();
        }
    });
}
