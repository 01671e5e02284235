//! Postgres.

use e2e::Database;
use serde_json::{Value, json};

use crate::probe::{Application, Probe};

/// A probe and its database.
struct Sessions {
    probe: Probe,
    database: Database,
}

impl Sessions {
    async fn start() -> Self {
        let database = Database::clone_template().await.unwrap();
        Self { probe: Application::default().allow(database.host()).start().await, database }
    }

    /// Opens a connection, runs the statements, gives it back: what came of each.
    async fn run(&self, statements: &[&str]) -> Value {
        let address = self.database.url();
        let mut question = vec![("do", "query"), ("address", address.as_str())];
        question.extend(statements.iter().map(|statement| ("sql", *statement)));
        self.probe.ask(&question).await
    }

    async fn stop(self) {
        self.probe.stop().await;
        self.database.drop().await.unwrap();
    }
}

const PROCESS: &str = "select pg_backend_pid()::text";

/// Source: crates/factor-outbound-pg/src/types.rs:102 (a `timestamptz` is read as a `NaiveDateTime`, which takes only a
/// `timestamp`).
#[tokio::test]
async fn a_timestamptz_cannot_be_read() {
    let sessions = Sessions::start().await;
    let answer = sessions.run(&["select now()", "select now()::timestamp", "select now()::text"]).await;
    let error = answer[0]["failed"].as_str().expect("an error after the statement was accepted");
    assert!(error.contains("cannot convert between the Rust type"), "{error}");
    assert!(error.contains("`timestamptz`"), "{error}");
    assert!(answer[1][0][0].as_str().unwrap().starts_with("DbValue::Datetime("), "{answer}");
    assert!(answer[2][0][0].is_string(), "{answer}");
    sessions.stop().await;
}

/// Source: crates/factor-outbound-pg/src/client.rs:352 (`query_raw` returns with the bind) and :316 (what comes later).
#[tokio::test]
async fn an_error_of_a_running_statement_comes_after_it_was_accepted() {
    let sessions = Sessions::start().await;
    let runs = "select 1 / (n - 1) from generate_series(1, 1) n";
    let answer = sessions.run(&[runs, "select * from nothing", "select 1::text where false"]).await;
    assert!(answer[0]["failed"].as_str().unwrap().contains("22012"), "{answer}");
    assert!(answer[1]["refused"].as_str().unwrap().contains("42P01"), "{answer}");
    assert_eq!(answer[2], json!([]));
    sessions.stop().await;
}

/// Source: crates/factor-outbound-pg/src/client.rs:114 (`RecyclingMethod::Clean`, whose statements end no transaction).
#[tokio::test]
async fn a_session_is_handed_on_in_the_transaction_that_it_was_left_in() {
    let sessions = Sessions::start().await;
    let outside = "select count(*)::text from pg_class where relname = $1";
    let first = sessions.run(&[PROCESS, "begin", "create table left_open (id int)"]).await;
    let second = sessions.run(&[PROCESS, "select count(*)::text from left_open"]).await;
    assert_eq!(first[0], second[0], "the same session");
    assert_eq!(second[1], json!([["0"]]), "sees the table");
    assert_eq!(sessions.database.text(outside, "left_open").await.unwrap(), "0", "which nobody else does");
    sessions.run(&["commit"]).await;
    assert_eq!(sessions.database.text(outside, "left_open").await.unwrap(), "1");
    sessions.stop().await;
}

/// Source: as above, and deadpool-postgres 0.14.1, src/lib.rs:157 (`recycle`, which fails in an aborted transaction).
#[tokio::test]
async fn a_session_whose_transaction_has_failed_is_not_handed_on() {
    let sessions = Sessions::start().await;
    let first = sessions.run(&[PROCESS, "begin", "select * from nothing"]).await;
    let second = sessions.run(&[PROCESS]).await;
    assert!(second[0][0][0].is_string(), "works: {second}");
    assert_ne!(first[0], second[0], "another session");
    sessions.stop().await;
}

/// Source: as above, and deadpool-postgres 0.14.1, src/config.rs:360 (`DISCARD_SQL`: `RESET ALL` and its like).
#[tokio::test]
async fn a_session_is_handed_on_without_its_settings() {
    let sessions = Sessions::start().await;
    let first = sessions.run(&[PROCESS, "set lock_timeout = 4321", "show lock_timeout"]).await;
    let second = sessions.run(&[PROCESS, "show lock_timeout"]).await;
    assert_eq!(first[2], json!([["4321ms"]]));
    assert_eq!(second, json!([first[0], [["0"]]]));
    sessions.stop().await;
}

/// Source: crates/factor-outbound-pg/src/client.rs:20 (`CONNECTION_POOL_SIZE`) and :131 (no timeouts).
#[tokio::test]
async fn a_component_has_64_sessions_and_then_waits() {
    let sessions = Sessions::start().await;
    let answer = sessions.probe.ask(&[("do", "drain-pool"), ("address", &sessions.database.url())]).await;
    assert_eq!(answer, json!({"taken": 64, "after one was given back": true}));
    sessions.stop().await;
}
