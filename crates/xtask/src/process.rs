//! Child processes that never outlive the command that started them.
//!
//! Each gets a process group of its own: Ctrl-C then reaches this program alone, which stops the whole group, what the child
//! itself started included. Where this program is killed and can stop nothing, a guard does.

use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use nix::sys::signal::{Signal, kill, killpg};
#[cfg(target_os = "linux")]
use nix::time::ClockId;
use nix::unistd::Pid;

use crate::signals;

/// How long a child may take to end by itself once it was asked to.
const PATIENCE: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(5);

/// A running child; dropping it stops it.
pub struct Process {
    child: Child,
    program: String,
    status: Option<ExitStatus>,
    _guard: Guard,
}

impl Process {
    /// Starts a child. It gets no standard input: it runs in the background of the terminal, where reading would stop it.
    pub fn spawn(command: &mut Command) -> Result<Self> {
        signals::catch();
        signals::check()?;
        let program = name(command);
        let child = command
            .stdin(Stdio::null())
            .process_group(0)
            .spawn()
            .with_context(|| format!("cannot start `{program}`"))?;
        let guard = Guard::of(&child);
        Ok(Self { child, program, status: None, _guard: guard })
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        self.status = self.child.try_wait().with_context(|| format!("cannot wait for `{}`", self.program))?;
        Ok(self.status)
    }

    /// Waits until it ends, or until a signal arrives.
    pub fn wait(&mut self) -> Result<ExitStatus> {
        loop {
            if let Some(status) = self.ended()? {
                return Ok(status);
            }
            signals::sleep(POLL)?;
        }
    }

    /// How much memory it and what it has started have in use, in KiB, as `ps` says. Pages that they share count once on Linux,
    /// and for each of them where `ps` does not know better.
    pub fn memory(&self) -> Result<u64> {
        let family: Vec<_> = self.family()?.iter().map(Pid::to_string).collect();
        let sizes = |column: &str| ps(&["-o", &format!("{column}="), "-p", &family.join(",")]);
        let listed = match sizes("pss") {
            Ok(listed) => listed,
            Err(_) => sizes("rss")?,
        };
        Ok(listed.split_whitespace().filter_map(|size| size.parse::<u64>().ok()).sum())
    }

    /// How long it and what it has started have kept a core busy, where the system has a clock for that.
    pub fn cpu_time(&self) -> Result<Option<Duration>> {
        Ok(self.family()?.into_iter().map(cpu_time).sum())
    }

    /// It and what it has started.
    fn family(&self) -> Result<Vec<Pid>> {
        let listed = ps(&["-axo", "pid=,ppid="])?;
        let numbers =
            |line: &str| line.split_whitespace().map(|number| number.parse().ok()).collect::<Option<Vec<i32>>>();
        let processes: Vec<_> = listed.lines().filter_map(numbers).collect();
        let (mut family, mut next) = (Vec::from_iter(self.id()), 0);
        while let Some(id) = family.get(next).copied() {
            next += 1;
            family.extend(processes.iter().filter_map(|process| match process[..] {
                [pid, parent] if parent == id.as_raw() => Some(Pid::from_raw(pid)),
                _ => None,
            }));
        }
        Ok(family)
    }

    fn id(&self) -> Option<Pid> {
        i32::try_from(self.child.id()).ok().map(Pid::from_raw)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.status.is_some_and(|status| status.success()) {
            return;
        }
        let Some(id) = self.id() else { return };
        if self.status.is_none() {
            // To the child alone, which ends what it started: `spin up` takes it for a failure when that ends before it.
            let _ = kill(id, Signal::SIGTERM);
        }
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline && matches!(self.ended(), Ok(None)) {
            std::thread::sleep(POLL);
        }
        // Whatever is left of the group: cargo does not end its compilers, and the child itself may not have listened. It
        // fails when the group is gone, which is what is wanted.
        let _ = killpg(id, Signal::SIGKILL);
        let _ = self.child.wait();
    }
}

/// What `ps` lists; an error when it does not know what it is asked for.
fn ps(arguments: &[&str]) -> Result<String> {
    let output = Command::new("ps").args(arguments).output().context("cannot run `ps`")?;
    if !output.status.success() {
        bail!("`ps {}` says: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(target_os = "linux")]
fn cpu_time(process: Pid) -> Option<Duration> {
    // One that has ended has no clock.
    ClockId::pid_cpu_clock_id(process).and_then(ClockId::now).ok().map(Duration::from)
}

#[cfg(not(target_os = "linux"))]
fn cpu_time(_process: Pid) -> Option<Duration> {
    None
}

/// A shell that ends a child's group once nobody can write to the shell any more: the system sees to that however this program
/// ends. (Linux could send the child a signal itself, macOS could not.)
struct Guard {
    shell: Option<Child>,
}

impl Guard {
    /// Where there is no shell the child goes without one.
    fn of(child: &Child) -> Self {
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", "read -r ended || kill -s TERM -- \"-$0\""]).arg(child.id().to_string());
        shell.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
        Self { shell: shell.spawn().ok() }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let Some(shell) = &mut self.shell else { return };
        if let Some(mut input) = shell.stdin.take() {
            let _ = input.write_all(b"ended\n");
        }
        let _ = shell.wait();
    }
}

/// Runs a child to its end; its output is the user's. Anything but success is an error.
pub fn run(command: &mut Command) -> Result<()> {
    let status = Process::spawn(command)?.wait()?;
    success(command, status)
}

/// The same, but a signal has to wait until the child has ended: for what must not be left half done.
pub fn run_uninterrupted(command: &mut Command) -> Result<()> {
    signals::catch();
    signals::check()?;
    let status = command.stdin(Stdio::null()).process_group(0).status();
    success(command, status.with_context(|| format!("cannot start `{}`", name(command)))?)?;
    signals::check()
}

fn success(command: &Command, status: ExitStatus) -> Result<()> {
    if !status.success() {
        bail!("`{}` failed ({status})", line(command));
    }
    Ok(())
}

/// Runs a child for its standard output; what it wrote to its standard error becomes the error.
pub fn output(command: &mut Command) -> Result<String> {
    signals::check()?;
    output_uninterrupted(command)
}

/// The same, also after a signal has arrived: for what has to be undone then.
pub fn output_uninterrupted(command: &mut Command) -> Result<String> {
    let output = command
        .stdin(Stdio::null())
        .process_group(0)
        .output()
        .with_context(|| format!("cannot start `{}`", name(command)))?;
    if !output.status.success() {
        let reason = String::from_utf8_lossy(&output.stderr);
        let reason = reason.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("; ");
        bail!("`{}` failed ({}): {reason}", line(command), output.status);
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The program without its folder: where cargo lives, say, is of no interest.
fn name(command: &Command) -> String {
    let program = Path::new(command.get_program());
    program.file_name().unwrap_or(program.as_os_str()).to_string_lossy().into_owned()
}

/// The command as one would type it.
fn line(command: &Command) -> String {
    let arguments = command.get_args().map(|argument| argument.to_string_lossy().into_owned());
    std::iter::once(name(command)).chain(arguments).collect::<Vec<_>>().join(" ")
}
