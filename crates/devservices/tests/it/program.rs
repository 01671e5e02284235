//! The program itself: what it prints, when it ends, and what is left when it is killed.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;
use tempfile::TempDir;
use uuid::Uuid;

use crate::support::{Received, SERVICE_TOKEN, Upstream, User, expect, files, json as answer};

/// The program with both its services. It ends with the test.
struct Program {
    child: Child,
    documents: String,
    ai: String,
    _stdout: BufReader<ChildStdout>,
}

impl Program {
    fn start(data: &Path, arguments: &[&str]) -> Self {
        let mut child = command(data).args(arguments).env("SERVICE_TOKEN", SERVICE_TOKEN).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut origin = |name: &str| {
            let mut line = String::new();
            stdout.read_line(&mut line).unwrap();
            line.trim().strip_prefix(&format!("{name} service on ")).unwrap().to_owned()
        };
        let (documents, ai) = (origin("documents"), origin("ai"));
        Self { child, documents, ai, _stdout: stdout }
    }

    fn user(&self, id: Uuid) -> User {
        User { http: reqwest::Client::new(), origin: self.documents.clone(), id, groups: Vec::new() }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn command(data: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_devservices"));
    command.args(["--documents", "127.0.0.1:0", "--ai", "127.0.0.1:0", "--data"]).arg(data);
    command.env_remove("SERVICE_TOKEN").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

#[tokio::test]
async fn both_services_are_served_until_sigterm() {
    let data = TempDir::new().unwrap();
    let mut program = Program::start(data.path(), &[]);
    for origin in [&program.documents, &program.ai] {
        let health = reqwest::Client::new().get(format!("{origin}/health"));
        assert_eq!(expect(200, health).await, json!({ "status": "ok" }));
    }
    program.user(Uuid::now_v7()).upload("a", "abc").await;
    assert_eq!(files(&data.path().join("documents")).len(), 2);
    kill(Pid::from_raw(program.child.id().try_into().unwrap()), Signal::SIGTERM).unwrap();
    assert!(program.child.wait().unwrap().success());
}

#[tokio::test]
async fn one_service_is_served_alone_and_none_is_refused() {
    let data = TempDir::new().unwrap();
    let one = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_devservices"));
        command.args(arguments).arg("--data").arg(data.path()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap()
    };
    let mut alone = one(&["--ai", "127.0.0.1:0"]);
    let mut line = String::new();
    BufReader::new(alone.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let origin = line.trim().strip_prefix("ai service on ").unwrap();
    expect(200, reqwest::Client::new().get(format!("{origin}/health"))).await;
    assert!(!data.path().join("documents").exists());
    alone.kill().unwrap();
    alone.wait().unwrap();
    assert!(!one(&[]).wait().unwrap().success());
}

#[tokio::test]
async fn the_program_asks_frontdesk_for_settings_with_the_token_of_its_environment() {
    let frontdesk = Upstream::start(|_: &Received| answer(200, &json!({ "max_pdf_mb": 1 }))).await;
    let data = TempDir::new().unwrap();
    let program = Program::start(data.path(), &["--frontdesk", &frontdesk.origin]);
    expect(413, program.user(Uuid::now_v7()).raw("a", "x".repeat(1024 * 1024 + 1))).await;
    assert_eq!(frontdesk.received()[0].header("authorization"), format!("Bearer {SERVICE_TOKEN}"));
}

#[test]
fn what_cannot_work_is_said_at_the_start() {
    let data = TempDir::new().unwrap();
    for (arguments, token, expected) in [
        (["--frontdesk", "http://127.0.0.1:1"], None, "set SERVICE_TOKEN"),
        (["--frontdesk", "127.0.0.1:1"], Some("token"), "of the form http://HOST:PORT"),
        (["--frontdesk", "http://127.0.0.1:1/api"], Some("token"), "of the form http://HOST:PORT"),
        (["--frontdesk", "http://127.0.0.1:1"], Some("a\ntoken"), "no token has"),
    ] {
        let output =
            command(data.path()).args(arguments).envs(token.map(|token| ("SERVICE_TOKEN", token))).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && said.contains(expected) && !said.contains("a\ntoken"), "{said}");
    }
}

#[tokio::test]
async fn a_kill_in_the_middle_of_an_upload_leaves_no_half_document() {
    let data = TempDir::new().unwrap();
    let folder = data.path().join("documents");
    let mut program = Program::start(data.path(), &[]);
    let user = program.user(Uuid::now_v7());
    user.upload("whole", "abc").await;

    let mut upload = TcpStream::connect(program.documents.strip_prefix("http://").unwrap()).unwrap();
    let head = "POST /documents HTTP/1.1\r\nhost: a\r\nx-file-name: half\r\ncontent-length: 1000000\r\n";
    write!(upload, "{head}x-user-id: {}\r\n\r\n{}", user.id, "x".repeat(500_000)).unwrap();
    while !files(&folder).iter().any(|name| name.starts_with("incoming-")) {
        assert!(program.child.try_wait().unwrap().is_none(), "the program has ended");
        tokio::task::yield_now().await;
    }
    program.child.kill().unwrap();
    program.child.wait().unwrap();
    let _ = upload.read(&mut [0]);
    assert_eq!(files(&folder).len(), 3);

    let next = Program::start(data.path(), &[]);
    assert_eq!(next.user(user.id).names("/documents").await, ["whole"]);
    assert_eq!(files(&folder).len(), 2);
}
