//! What is missing is named by /readyz, and nothing leaks meanwhile.

use e2e::{App, Keys};
use insta::assert_snapshot;
use serde_json::json;

#[tokio::test]
async fn missing_variables_are_named_and_the_process_is_alive() {
    let app = App::builder().variable("database_url", "").variable("verifying_keys", "").start().await.unwrap();
    let anonymous = app.anonymous();
    assert_eq!(anonymous.get("/healthz").await.unwrap().status, 200);
    assert_snapshot!(anonymous.get("/readyz").await.unwrap(), @r#"
    503 {
      "code": "not_ready",
      "detail": "database_url: is not set; verifying_keys: is not set",
      "request_id": "[uuid]"
    }
    "#);
    let body = json!({"username": "ada@example.com", "password": "x"});
    assert_snapshot!(anonymous.post("/api/auth/login", &body).await.unwrap(), @r#"
    503 {
      "code": "not_configured",
      "detail": "This server is not fully configured: its log and /readyz say what is missing",
      "request_id": "[uuid]"
    }
    "#);
    assert_eq!(anonymous.get("/api/users/me").await.unwrap().code(), "not_configured");
    app.stop().await.unwrap();
}

#[tokio::test]
async fn malformed_variables_are_named_without_their_values() {
    let private = Keys::generate().unwrap().signing_pem().unwrap();
    let app = App::builder()
        .variable("database_url", "mysql://user:hunter2@db")
        .variable("verifying_keys", private)
        .start()
        .await
        .unwrap();
    assert_snapshot!(app.anonymous().get("/readyz").await.unwrap(), @r#"
    503 {
      "code": "not_ready",
      "detail": "database_url: does not begin with postgres://; verifying_keys: holds a private key; it must hold public keys only",
      "request_id": "[uuid]"
    }
    "#);
    app.stop().await.unwrap();
}

#[tokio::test]
async fn a_signing_key_that_nobody_verifies_signs_nobody_in() {
    let app =
        App::builder().variable("signing_key", Keys::generate().unwrap().signing_pem().unwrap()).start().await.unwrap();
    let body = json!({"username": "ada@example.com", "password": "x"});
    assert_eq!(app.anonymous().post("/api/auth/login", &body).await.unwrap().code(), "not_configured");
    let named =
        app.log().into_iter().any(|line| line.contains("signing_key: its public key is not among verifying_keys"));
    assert!(named, "{:#?}", app.log());
    app.stop().await.unwrap();
}

#[tokio::test]
async fn a_database_that_is_away_is_503_that_says_so() {
    // Port 1 is tcpmux, which nobody runs.
    let app = App::builder()
        .variable("database_url", "postgres://user:hunter2@127.0.0.1:1/none?sslmode=disable")
        .variable("database_host", "postgres://127.0.0.1:1")
        .start()
        .await
        .unwrap();
    assert_snapshot!(app.anonymous().get("/readyz").await.unwrap(), @r#"
    503 {
      "code": "not_ready",
      "detail": "database: there is no connection to it; the log says why",
      "request_id": "[uuid]"
    }
    "#);
    let answer = app
        .anonymous()
        .post("/api/auth/login", &json!({"username": "ada@example.com", "password": "x"}))
        .await
        .unwrap();
    assert_snapshot!(answer, @r#"
    503 {
      "code": "unavailable",
      "detail": "A service that this needs does not answer; please try again",
      "request_id": "[uuid]"
    }
    "#);
    assert_eq!(answer.header("retry-after"), "1");
    let leaks = |line: &String| line.contains("hunter2");
    assert!(!app.log().iter().any(leaks), "{:#?}", app.log());
    app.stop().await.unwrap();
}

#[tokio::test]
async fn variables_that_contradict_each_other_are_named() {
    let app = App::builder().variable("database_host", "postgres://elsewhere:5432").start().await.unwrap();
    assert_snapshot!(app.anonymous().get("/readyz").await.unwrap(), @r#"
    503 {
      "code": "not_ready",
      "detail": "database_host: is not the postgres://HOST:PORT of database_url",
      "request_id": "[uuid]"
    }
    "#);
    app.stop().await.unwrap();
}

#[tokio::test]
async fn a_schema_that_is_behind_is_named() {
    let app = App::start().await.unwrap();
    app.database().raw("delete from _sqlx_migrations").await.unwrap();
    assert_snapshot!(app.anonymous().get("/readyz").await.unwrap(), @r#"
    503 {
      "code": "not_ready",
      "detail": "migrations: the schema is at 0, this version needs 3",
      "request_id": "[uuid]"
    }
    "#);
    app.database().raw("drop table _sqlx_migrations").await.unwrap();
    assert_snapshot!(app.anonymous().get("/readyz").await.unwrap(), @r#"
    503 {
      "code": "not_ready",
      "detail": "migrations: the schema is at 0, this version needs 3",
      "request_id": "[uuid]"
    }
    "#);
    app.stop().await.unwrap();
}
