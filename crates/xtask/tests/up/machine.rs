//! A machine of its own for a test. It has this machine's files, and copies of those that `up` changes: the checkout, cargo's
//! target folder, rustup's home and `/var/lib`. It has no `.local` and no `.env`; its own processes, which end with it; and its
//! own network, on which there is nobody else and no way out.
//!
//! Linux makes that of namespaces, an overlay over the folders that `up` writes to, and a tmpfs that takes what is written. The
//! overlay lies at the checkout's own path, so that cargo finds everything built. It takes root, or a kernel that lets others
//! make namespaces too.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

/// How long anything that a test waits for may take. A host whose cache is cold compiles all components first.
const PATIENCE: Duration = Duration::from_secs(180);

/// The first process. Its arguments: the folder for the tmpfs, the checkout, and the other folders that are written to. Paths
/// within the tmpfs are relative, because the overlays hide it. Perl, which every Debian has, sets the loopback interface up
/// where there is no `ip`, and by ignoring SIGCHLD lets what ends without a parent vanish. It lives as long as its input.
const FIRST_PROCESS: &str = r#"
set -eu
scratch=$1 checkout=$2
shift
read -r id rest </proc/self/stat
mount -t proc proc /proc
mount -t tmpfs -o mode=755 tmpfs "$scratch"
cd "$scratch"
for folder; do
    layer=$((${layer:-0} + 1))
    mkdir -p $layer/upper $layer/work
    mount -t overlay -o "lowerdir=$folder,upperdir=$layer/upper,workdir=$layer/work" overlay "$folder"
done
cd "$checkout"
mkdir -p .local
mount -t tmpfs -o mode=755 tmpfs .local
rm -rf .env /var/lib/frontdesk
perl -e 'socket(my $any, 2, 2, 0) or die $!; my $up = pack("a16 s x14", "lo", 1); ioctl($any, 0x8914, $up) or die $!'
echo "$id"
exec perl -e '$SIG{CHLD} = "IGNORE"; 1 while <STDIN>'
"#;

/// Who a command runs as. Both may do everything to the checkout.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum User {
    Root,
    Somebody,
}

pub(crate) struct Machine {
    first: Child,
    /// The first process as it is known outside.
    id: u32,
    checkout: PathBuf,
}

impl Machine {
    /// `None` where there cannot be one, which is then said past the test harness, which would keep it to itself. Where root can
    /// make namespaces there must be one.
    pub(crate) fn start(user: User) -> Option<Self> {
        let reason = match namespaces(user).and_then(Self::with) {
            Ok(machine) => return Some(machine),
            Err(reason) => reason,
        };
        let test = thread::current().name().unwrap_or_default().to_owned();
        let _ = writeln!(std::io::stderr(), "SKIPPED {test}: {reason}");
        None
    }

    fn with(mut unshare: Command) -> Result<Self, String> {
        let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap();
        let scratch = Path::new(env!("CARGO_TARGET_TMPDIR"));
        fs::create_dir_all(scratch).unwrap();
        let scratch = scratch.canonicalize().unwrap();
        let target = scratch.parent().unwrap();
        unshare.args(["sh", "-c", FIRST_PROCESS, "machine"]).arg(&scratch).arg(&checkout);
        if !target.starts_with(&checkout) {
            unshare.arg(target);
        }
        unshare.arg(rustup_home()).arg("/var/lib");
        let mut first =
            unshare.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it ran before");
        let mut id = String::new();
        BufReader::new(first.stdout.take().unwrap()).read_line(&mut id).unwrap();
        if let Ok(id) = id.trim().parse() {
            return Ok(Self { first, id, checkout });
        }
        let reason = String::from_utf8_lossy(&first.wait_with_output().unwrap().stderr).trim().to_owned();
        assert!(!nix::unistd::geteuid().is_root(), "{reason}");
        Err(reason)
    }

    /// What stands at a path of the checkout, for the machine.
    pub(crate) fn path(&self, relative: &str) -> PathBuf {
        let root = PathBuf::from(format!("/proc/{}/root", self.id));
        root.join(self.checkout.join(relative).strip_prefix("/").unwrap())
    }

    /// Starts a shell command in the checkout, whose output is one stream.
    pub(crate) fn spawn(&self, user: User, command: &str) -> Run {
        let mut enter = Command::new("nsenter");
        enter.args(["--target", &self.id.to_string(), "--mount", "--pid", "--net"]);
        // The machine of somebody who is not root has root's rights inside the namespace that it is in.
        if !nix::unistd::geteuid().is_root() {
            enter.args(["--user", "--preserve-credentials"]);
        }
        if user == User::Somebody {
            enter.args(["unshare", "--user", "--map-user=1000", "--map-group=1000"]);
        }
        let script = format!("cd '{}'; echo $$; exec 2>&1; {command}", self.checkout.display());
        enter.args(["sh", "-c", &script]).stdin(Stdio::null()).stdout(Stdio::piped());
        for name in std::env::vars_os().map(|(name, _)| name).filter(is_of_the_tests) {
            enter.env_remove(name);
        }
        // Renaming a folder of the lower layer is what an overlay cannot do.
        enter.env("RUSTUP_PERMIT_COPY_RENAME", "1");
        let mut process = enter.spawn().unwrap();
        let output = BufReader::new(process.stdout.take().unwrap());
        let (sender, lines) = channel();
        thread::spawn(move || output.lines().map_while(Result::ok).all(|line| sender.send(line).is_ok()));
        let mut run = Run { process, lines, id: String::new(), seen: String::new(), machine: self.id };
        run.id = run.line().expect("a line");
        run.seen.clear();
        run
    }

    /// Runs a shell command to its end, which must be a good one.
    pub(crate) fn run(&self, user: User, command: &str) -> String {
        let ended = self.spawn(user, command).end();
        assert!(ended.status.success(), "{command}: {}\n{}", ended.status, ended.output);
        ended.output
    }

    /// The command lines of all processes that run in it, but for the first one.
    pub(crate) fn processes(&self) -> Vec<String> {
        let processes = fs::read_dir(format!("/proc/{}/root/proc", self.id)).unwrap().flatten();
        let numbered =
            processes.filter(|entry| entry.file_name().to_string_lossy().parse().is_ok_and(|id: u32| id > 1));
        let command = |entry: fs::DirEntry| fs::read_to_string(entry.path().join("cmdline")).ok();
        numbered.filter_map(command).map(|command| command.replace('\0', " ")).filter(|line| !line.is_empty()).collect()
    }

    /// Waits until nothing runs but what is expected to.
    pub(crate) fn wait_until_only(&self, expected: fn(&str) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while !self.processes().iter().all(|command| expected(command)) {
            assert!(Instant::now() < deadline, "still running: {:#?}", self.processes());
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Does something on the machine's network. Only threads can change theirs, so it is done on another one.
    pub(crate) fn on_its_network<T: Send>(&self, action: impl FnOnce() -> T + Send) -> T {
        let network = File::open(format!("/proc/{}/ns/net", self.id)).unwrap();
        let act = || {
            nix::sched::setns(&network, nix::sched::CloneFlags::CLONE_NEWNET).unwrap();
            action()
        };
        thread::scope(|scope| scope.spawn(act).join().unwrap())
    }

    /// Sends a request; the status of the answer and the whole of it.
    pub(crate) fn request(
        &self,
        address: SocketAddr,
        method: &str,
        path: &str,
        kind: &str,
        body: &str,
    ) -> (u16, String) {
        let mut stream = self.on_its_network(|| TcpStream::connect(address)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let length = body.len();
        let head =
            format!("{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-type: {kind}\r\n");
        write!(stream, "{head}content-length: {length}\r\n\r\n{body}").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
        (status.unwrap_or_else(|| panic!("no status: {answer}")), answer)
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        drop(self.first.stdin.take());
        let _ = self.first.wait();
    }
}

/// A command in a machine.
pub(crate) struct Run {
    process: Child,
    lines: Receiver<String>,
    /// As it is known in the machine: of the shell, and of what the shell became with `exec`.
    id: String,
    seen: String,
    machine: u32,
}

/// How a command ended.
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) output: String,
}

impl Run {
    fn line(&mut self) -> Option<String> {
        match self.lines.recv_timeout(PATIENCE) {
            Ok(line) => {
                self.seen.push_str(&line);
                self.seen.push('\n');
                Some(line)
            }
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => panic!("nothing more comes after:\n{}", self.seen),
        }
    }

    /// Reads its output up to a line that contains this.
    pub(crate) fn wait_for(&mut self, text: &str) -> String {
        loop {
            match self.line() {
                Some(line) if line.contains(text) => return line,
                Some(_) => {}
                None => panic!("it ended without `{text}`:\n{}", self.seen),
            }
        }
    }

    /// What it has written, as far as it was read.
    pub(crate) fn seen(&self) -> &str {
        &self.seen
    }

    /// Sends a signal to it alone, `INT` say.
    pub(crate) fn signal(&self, name: &str) {
        let mut kill = Command::new("nsenter");
        kill.args(["--target", &self.machine.to_string(), "--mount", "--pid"]);
        if !nix::unistd::geteuid().is_root() {
            kill.args(["--user", "--preserve-credentials"]);
        }
        let status = kill.args(["sh", "-c", &format!("kill -s {name} {}", self.id)]).status().unwrap();
        assert!(status.success(), "kill -s {name} {}: {status}", self.id);
    }

    /// Reads its output to the end, which comes when nobody is left who could write to it.
    pub(crate) fn end(mut self) -> Ended {
        while self.line().is_some() {}
        Ended { status: self.process.wait().unwrap(), output: self.seen }
    }
}

/// The command that makes the namespaces; the reason where that is not possible.
fn namespaces(user: User) -> Result<Command, String> {
    let is_root = nix::unistd::geteuid().is_root();
    if user == User::Root && !is_root {
        return Err("it has to be run by root".to_owned());
    }
    let unshare = || {
        let mut unshare = Command::new("unshare");
        if !is_root {
            unshare.args(["--user", "--map-root-user"]);
        }
        unshare.args(["--mount", "--pid", "--net", "--fork", "--kill-child"]);
        unshare
    };
    // With both kinds, as somebody who is not root needs one more.
    match unshare().args(["unshare", "--user", "true"]).output() {
        Ok(output) if output.status.success() => Ok(unshare()),
        Ok(output) => Err(format!("no namespaces here: {}", String::from_utf8_lossy(&output.stderr).trim())),
        Err(error) => Err(format!("no namespaces here: unshare: {error}")),
    }
}

fn rustup_home() -> OsString {
    std::env::var_os("RUSTUP_HOME")
        .unwrap_or_else(|| Path::new(&std::env::var_os("HOME").unwrap_or_default()).join(".rustup").into())
}

/// Whether a variable comes from cargo or from `cargo xtask test`, or sets what a fresh machine leaves to `up`.
fn is_of_the_tests(name: &OsString) -> bool {
    let name = name.to_string_lossy();
    let prefixes = ["CARGO_MANIFEST_", "CARGO_PKG_", "FRONTDESK_TEST_", "PG", "SPIN_VARIABLE_"];
    prefixes.iter().any(|prefix| name.starts_with(prefix)) || matches!(&*name, "FRONTDESK_LISTEN" | "RUST_BACKTRACE")
}
