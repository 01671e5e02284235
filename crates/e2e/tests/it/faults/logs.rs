//! A log that cannot be written stops no answer.

use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::Path;

use e2e::App;
use futures::future::join_all;
use tempfile::TempDir;

/// In bytes. A process that may write no file beyond this size meets what it would meet on a full disk: a write that fails.
const MAX_FILE: usize = 64 * 1024 * 1024;
/// What is left of a log that is to become full while the host serves: some lines.
const SOME_LINES: usize = 4096;
/// Of one that is full from the first line on.
const NOTHING: usize = 1;

/// `ulimit -f` counts 512 bytes. Without the trap the signal would end the process, which a full disk does not.
fn limit() -> String {
    format!("trap '' XFSZ; ulimit -f {}", MAX_FILE / 512)
}

/// Makes a log file with so much left, in bytes.
fn fill(path: &Path, left: usize) {
    let mut file = std::fs::File::create(path).unwrap();
    // A hole takes no space on the disk.
    file.seek(SeekFrom::Start(u64::try_from(MAX_FILE - left).unwrap())).unwrap();
    file.write_all(b"\n").unwrap();
}

async fn serves_on(app: &App) {
    let anonymous = app.anonymous();
    for _ in 0..20 {
        let answers = join_all((0..16).map(|_| anonymous.get("/healthz"))).await;
        for answer in answers {
            assert_eq!(answer.unwrap().status, 200);
        }
    }
    let user = app.user().await.unwrap();
    assert_eq!(user.get("/api/users/me").await.unwrap().status, 200);
    assert_eq!(user.get("/nothing").await.unwrap().status, 404);
}

fn is_full(path: &Path) -> bool {
    std::fs::metadata(path).unwrap().len() > u64::try_from(MAX_FILE - 512).unwrap()
}

#[tokio::test]
async fn answers_go_on_when_standard_output_goes_to_a_disk_that_is_full() {
    let folder = TempDir::new().unwrap();
    let log = folder.path().join("log");
    fill(&log, SOME_LINES);
    let app = App::builder().host(|host| host.prepare(&limit()).log_file(&log)).start().await.unwrap();
    serves_on(&app).await;
    assert!(is_full(&log), "the log was never full");
    app.stop().await.unwrap();
}

#[tokio::test]
async fn answers_go_on_when_the_folder_of_log_files_is_full() {
    let folder = TempDir::new().unwrap();
    let files = ["ops_stdout.txt", "auth_stdout.txt", "users_stdout.txt"].map(|name| folder.path().join(name));
    for (file, left) in files.iter().zip([SOME_LINES, NOTHING, NOTHING]) {
        fill(file, left);
    }
    let with_log_files = |host: e2e::HostBuilder| host.prepare(&limit()).argument("--log-dir").argument(folder.path());
    let app = App::builder().host(with_log_files).start().await.unwrap();
    serves_on(&app).await;
    assert!(files.iter().all(|file| is_full(file)), "a log was never full");
    app.stop().await.unwrap();
}
