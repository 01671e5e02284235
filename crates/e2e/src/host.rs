//! The host process: `spin` or devhost, started with the same arguments, which ends with the test process however that ends.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result};
use tempfile::TempDir;

use crate::database::variable;

/// How long a host may take until it serves: it compiles the components when nobody did so before.
const START_TIMEOUT: Duration = Duration::from_secs(180);

/// The shell starts the host and stops it when its own standard input ends, which it does when the test process closes it or
/// is gone: so no host outlives its tests. When the host ends by itself, so does the shell.
const UNTIL_STDIN_ENDS: &str = r#"
    exec 3<&0
    "$@" </dev/null 3<&- &
    host=$!
    { read -r _ <&3; kill "$host"; } >/dev/null 2>&1 &
    watch=$!
    exec 3<&- </dev/null
    wait "$host"
    kill "$watch" 2>/dev/null
"#;

/// How long a log line may take from the component to us.
const LOG_TIMEOUT: Duration = Duration::from_secs(10);

/// What the host has printed, and the news of each line.
#[derive(Default)]
struct Log {
    lines: Mutex<Vec<String>>,
    grown: Condvar,
}

/// A running host; it ends when this is dropped.
pub(crate) struct Host {
    url: String,
    log: Arc<Log>,
    shell: Child,
    _folder: TempDir,
}

impl Host {
    /// Starts the host on a free port, with these Spin variables.
    pub(crate) fn start(variables: &BTreeMap<&'static str, String>) -> Result<Self> {
        let folder = TempDir::new()?;
        let mut shell = Command::new("sh")
            .args(["-c", UNTIL_STDIN_ENDS, "host"])
            .arg(variable("FRONTDESK_HOST_PROGRAM")?)
            .args(["up", "--listen", "127.0.0.1:0", "--state-dir=", "--from"])
            .arg(manifest())
            // A `.env` of the checkout is not the tests' configuration.
            .current_dir(folder.path())
            .envs(variables.iter().map(|(name, value)| (format!("SPIN_VARIABLE_{}", name.to_uppercase()), value)))
            .env("TOKIO_WORKER_THREADS", "8")
            .env_remove("RUST_LOG")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("starting the host")?;
        let log = Arc::default();
        let (serving, served) = mpsc::channel();
        collect(shell.stdout.take(), &log, &serving);
        collect(shell.stderr.take(), &log, &serving);
        drop(serving);
        let mut host = Self { url: String::new(), log, shell, _folder: folder };
        // The channel also ends when the host does.
        host.url = served
            .recv_timeout(START_TIMEOUT)
            .with_context(|| format!("the host does not serve:\n{}", host.log().join("\n")))?;
        Ok(host)
    }

    /// Where it serves.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// What it has printed so far.
    pub(crate) fn log(&self) -> Vec<String> {
        self.log.lines.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The first line that contains this, once it is there.
    pub(crate) fn wait_for_log(&self, text: &str) -> Option<String> {
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

fn manifest() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spin.toml")
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
