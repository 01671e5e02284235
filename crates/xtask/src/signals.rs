//! Ctrl-C, SIGTERM and SIGHUP: they set a flag that every wait in this program looks at, so that an interrupted command
//! returns through its callers and stops on the way what it had started.

use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

/// How long a wait goes on before it looks at the flag again.
const SLICE: Duration = Duration::from_millis(10);

static STOP: AtomicBool = AtomicBool::new(false);

/// The user asked this command to stop.
#[derive(Debug)]
pub struct Interrupted;

impl std::fmt::Display for Interrupted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("interrupted")
    }
}

impl std::error::Error for Interrupted {}

/// From now on a signal no longer ends the process. Called by whatever has something to stop or to undo; a command that has
/// nothing, and a prompt, keep the default.
pub fn catch() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // It fails only when there is a handler already, which nothing else here installs.
        let _ = ctrlc::set_handler(|| STOP.store(true, Ordering::SeqCst));
    });
}

/// Fails with [`Interrupted`] once a signal has arrived.
pub fn check() -> Result<()> {
    if STOP.load(Ordering::SeqCst) { Err(Interrupted.into()) } else { Ok(()) }
}

/// Sleeps, unless a signal arrives.
pub fn sleep(duration: Duration) -> Result<()> {
    let end = Instant::now() + duration;
    loop {
        check()?;
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(());
        }
        std::thread::sleep(left.min(SLICE));
    }
}

/// Drives a future to its end, unless a signal arrives; it is then dropped.
pub async fn unless_interrupted<T>(future: impl Future<Output = Result<T>>) -> Result<T> {
    let mut future = std::pin::pin!(future);
    loop {
        check()?;
        if let Ok(output) = tokio::time::timeout(SLICE, &mut future).await {
            return output;
        }
    }
}

/// Runs a future on a runtime of its own, unless a signal arrives.
pub fn block_on<T>(future: impl Future<Output = Result<T>>) -> Result<T> {
    catch();
    runtime()?.block_on(unless_interrupted(future))
}

/// One thread: all that this program does at once is waiting.
pub fn runtime() -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start a tokio runtime")
}
