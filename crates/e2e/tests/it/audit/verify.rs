//! `cargo xtask audit verify`.

use std::path::Path;
use std::process::Command;

use e2e::{App, AppBuilder};
use insta::assert_snapshot;

use super::{ROWS, tick};

/// Whether it found the log whole, and what it said.
fn verify(app: &App, arguments: &[&str]) -> (bool, String) {
    verify_with(app, AppBuilder::AUDIT_KEY, arguments)
}

fn verify_with(app: &App, key: &str, arguments: &[&str]) -> (bool, String) {
    let output = Command::new(std::env::var_os("FRONTDESK_TEST_TOOLS").unwrap())
        .args(["audit", "verify"])
        .args(arguments)
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."))
        .env("SPIN_VARIABLE_DATABASE_URL", app.database().url())
        .env("SPIN_VARIABLE_AUDIT_KEY", key)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + String::from_utf8_lossy(&output.stderr).as_ref();
    let words = text.split_inclusive([' ', '\n']).map(|word| {
        let bare = word.trim_end().trim_end_matches(['.', ';', ')']);
        let seal = bare.rsplit(':').next().unwrap();
        match bare {
            _ if bare.parse::<uuid::Uuid>().is_ok() => word.replace(bare, "[uuid]"),
            _ if seal.len() == 64 => word.replace(seal, "[seal]"),
            _ => word.to_owned(),
        }
    });
    (output.status.success(), words.collect())
}

/// 120 sealed rows, and a copy of them to begin anew with.
async fn sealed() -> App {
    let app = App::start().await.unwrap();
    app.database().raw(ROWS).await.unwrap();
    assert_eq!(tick(&app.anonymous()).await.status, 204);
    app.database()
        .raw("create table kept as select * from audit_log; create table kept_head as table audit_head")
        .await
        .unwrap();
    app
}

const RESTORE: &str = "delete from audit_log; insert into audit_log select * from kept;
                       delete from audit_head; insert into audit_head select * from kept_head";

/// What is said after the database was changed so; it is restored.
async fn after(app: &App, change: &'static str) -> String {
    app.database().raw(change).await.unwrap();
    let (is_whole, text) = verify(app, &[]);
    assert!(!is_whole, "{change}: {text}");
    app.database().raw(RESTORE).await.unwrap();
    assert!(verify(app, &[]).0);
    text
}

#[tokio::test]
async fn a_log_that_nobody_touched_is_whole() {
    let app = sealed().await;
    app.database().raw(ROWS).await.unwrap();
    let (is_whole, text) = verify(&app, &[]);
    assert!(is_whole, "{text}");
    assert_snapshot!(text, @"The audit log is whole; sealed rows: 120; head: 120:[seal]; rows younger than the last seal, of which it says nothing: 120");
    app.stop().await.unwrap();
}

#[tokio::test]
async fn rows_that_were_changed_removed_or_put_in_are_found() {
    let app = sealed().await;
    assert_snapshot!(after(&app, "update audit_log set action = 'other' where seq = 7").await, @"
    row 7 (id [uuid]) was changed or put in
    The audit log was tampered with; faults: 1; sealed rows: 120; rows younger than the last seal, of which it says nothing: 0
    ");
    assert_snapshot!(after(&app, "update audit_log set actor_id = null where seq in (120, 1)").await, @"
    row 1 (id [uuid]) was changed or put in
    row 120 (id [uuid]) was changed or put in
    The audit log was tampered with; faults: 2; sealed rows: 120; rows younger than the last seal, of which it says nothing: 0
    ");
    assert_snapshot!(after(&app, "update audit_log set seal = sha256('x') where seq = 7").await, @"
    row 7 (id [uuid]) was changed or put in
    row 8 (id [uuid]) was changed or put in
    The audit log was tampered with; faults: 2; sealed rows: 120; rows younger than the last seal, of which it says nothing: 0
    ");
    assert_snapshot!(after(&app, "delete from audit_log where seq = 7").await, @"
    row 7 is missing
    The audit log was tampered with; faults: 1; sealed rows: 119; rows younger than the last seal, of which it says nothing: 0
    ");
    assert_snapshot!(after(&app, "delete from audit_log where seq = 120").await, @"
    row 120 is missing
    The audit log was tampered with; faults: 1; sealed rows: 119; rows younger than the last seal, of which it says nothing: 0
    ");
    assert_snapshot!(after(&app, "delete from audit_log where seq <= 3").await, @"
    rows 1 to 3 are missing
    The audit log was tampered with; faults: 1; sealed rows: 117; rows younger than the last seal, of which it says nothing: 0
    ");
    assert_snapshot!(after(&app, "update audit_log set seq = null, seal = null where seq = 7").await, @"
    row 7 is missing
    The audit log was tampered with; faults: 1; sealed rows: 119; rows younger than the last seal, of which it says nothing: 1
    ");
    let swap = "update audit_log set seq = -seq where seq in (7, 8); update audit_log set seq = 15 + seq where seq < 0";
    assert_snapshot!(after(&app, swap).await, @"
    row 7 (id [uuid]) was changed or put in
    row 8 (id [uuid]) was changed or put in
    row 9 (id [uuid]) was changed or put in
    The audit log was tampered with; faults: 3; sealed rows: 120; rows younger than the last seal, of which it says nothing: 0
    ");
    let put_behind =
        "insert into audit_log (action, target_type, request_id, seq, seal) values ('a', 't', 'r', 121, sha256('x'))";
    assert_snapshot!(after(&app, put_behind).await, @"
    row 121 (id [uuid]) was put in: the chain is from 1 to 120
    The audit log was tampered with; faults: 1; sealed rows: 121; rows younger than the last seal, of which it says nothing: 0
    ");
    let put_behind_with_head = "insert into audit_log (action, target_type, request_id, seq, seal)
                                values ('a', 't', 'r', 121, sha256('x'));
                                update audit_head set seq = 121, seal = sha256('x')";
    assert_snapshot!(after(&app, put_behind_with_head).await, @"
    row 121 (id [uuid]) was changed or put in
    The audit log was tampered with; faults: 1; sealed rows: 121; rows younger than the last seal, of which it says nothing: 0
    ");
    let put_between =
        "update audit_log set seq = seq + 1000 where seq >= 7; update audit_log set seq = seq - 999 where seq > 1000;
                       insert into audit_log (action, target_type, request_id, seq, seal)
                       select 'a', 't', 'r', 7, seal from audit_log where seq = 6;
                       update audit_head set seq = 121";
    // Fifty are told one by one.
    let text = after(&app, put_between).await;
    assert!(text.starts_with("row 7 (id [uuid]) was changed or put in\n"), "{text}");
    assert_snapshot!(text.lines().skip(50).collect::<Vec<_>>().join("\n"), @r"
    ... more faults than are told here
    The audit log was tampered with; faults: 115; sealed rows: 121; rows younger than the last seal, of which it says nothing: 0
    ");
    assert_snapshot!(after(&app, "update audit_head set seal = sha256('x')").await, @"
    the head does not have the seal of row 120
    The audit log was tampered with; faults: 1; sealed rows: 120; rows younger than the last seal, of which it says nothing: 0
    ");
    app.stop().await.unwrap();
}

#[tokio::test]
async fn the_newest_rows_can_not_be_removed_unseen_from_who_has_the_log() {
    let app = sealed().await;
    let head = "select seq || ':' || encode(seal, 'hex') from audit_head where $1 = ''";
    let head = app.database().text(head, "").await.unwrap();
    assert!(verify(&app, &["--head", &head]).0);
    let earlier = "select seq || ':' || encode(seal, 'hex') from audit_log where seq = $1::int8";
    let earlier = app.database().text(earlier, "100").await.unwrap();
    assert!(verify(&app, &["--head", &earlier]).0);
    let cut = "delete from audit_log where seq > 117;
               update audit_head h set seq = a.seq, seal = a.seal from audit_log a where a.seq = 117";
    app.database().raw(cut).await.unwrap();
    // To the database alone it looks as if they had never been there.
    assert!(verify(&app, &[]).0);
    assert!(verify(&app, &["--head", &earlier]).0);
    let (is_whole, text) = verify(&app, &["--head", &head]);
    assert!(!is_whole, "{text}");
    assert_snapshot!(text, @"
    rows 118 to 120 are missing: the log says that they were there
    The audit log was tampered with; faults: 1; sealed rows: 117; rows younger than the last seal, of which it says nothing: 0
    ");
    app.stop().await.unwrap();
}

#[tokio::test]
async fn who_has_another_key_finds_no_row_sealed_with_it() {
    let app = sealed().await;
    let (is_whole, text) = verify_with(&app, "BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBA", &[]);
    assert!(!is_whole && text.contains("faults: 120; sealed rows: 120"), "{text}");
    let (is_whole, text) = verify(&app, &["--head", "5"]);
    assert!(!is_whole && text.contains("is not SEQ:SEAL"), "{text}");
    app.stop().await.unwrap();
}
