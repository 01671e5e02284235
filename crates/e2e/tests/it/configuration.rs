//! What is missing is named by /readyz, and nothing leaks meanwhile.

use e2e::{App, Keys};
use insta::assert_snapshot;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::app;

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
    let named = app.wait_for_log("signing_key: its public key is not among verifying_keys");
    assert!(named.is_some(), "{:#?}", app.log());
    assert_snapshot!(app.anonymous().get("/readyz").await.unwrap(), @r#"
    503 {
      "code": "not_ready",
      "detail": "signing_key: its public key is not among verifying_keys",
      "request_id": "[uuid]"
    }
    "#);
    app.stop().await.unwrap();
}

#[tokio::test]
async fn what_only_one_component_may_see_is_named_too() {
    let missing = [
        "signing_key",
        "refresh_token_key",
        "settings_key",
        "service_token",
        "tick_token",
        "audit_key",
        "documents_upstream",
    ];
    let app = missing.into_iter().fold(App::builder(), |app, name| app.variable(name, ""));
    let app = app.variable("registration", "").start().await.unwrap();
    assert_snapshot!(app.anonymous().get("/readyz").await.unwrap(), @r#"
    503 {
      "code": "not_ready",
      "detail": "signing_key: is not set; refresh_token_key: is not set; registration: is not set; settings_key: is not set; service_token: is not set; tick_token: is not set; audit_key: is not set; documents_upstream: is not set",
      "request_id": "[uuid]"
    }
    "#);
    app.stop().await.unwrap();
}

#[tokio::test]
async fn what_only_one_component_may_see_is_named_without_its_value() {
    let malformed = [
        "signing_key",
        "refresh_token_key",
        "registration",
        "settings_key",
        "settings_key_previous",
        "service_token",
        "ai_origins",
        "ai_upstream",
        "tick_token",
        "audit_key",
        "documents_upstream",
        "upstream_timeout",
        "cookie_secure",
        "public_origins",
        "access_lifetime",
        "refresh_lifetime",
        "refresh_idle_lifetime",
    ];
    let app = malformed.into_iter().fold(App::builder(), |app, name| app.variable(name, "hunter2"));
    let app = app.start().await.unwrap();
    let answer = app.anonymous().get("/readyz").await.unwrap();
    for name in malformed {
        assert!(answer.body.contains(&format!("{name}: ")), "{name}: {answer}");
    }
    assert!(!answer.body.contains("hunter2"), "{answer}");
    assert_snapshot!(answer, @r#"
    503 {
      "code": "not_ready",
      "detail": "cookie_secure: is neither true nor false; public_origins: is not a list of https://HOST between commas; signing_key: is not PEM; refresh_token_key: is not base64url; registration: is neither open nor closed; access_lifetime: is not a number of seconds from 1 to 315360000, which are ten years; refresh_lifetime: is not a number of seconds from 1 to 315360000, which are ten years; refresh_idle_lifetime: is not a number of seconds from 1 to 315360000, which are ten years; settings_key: is not base64url; settings_key_previous: is not base64url; service_token: must have at least 22 characters; ai_origins: is not a list of http://HOST:PORT between commas; ai_upstream: is not of the form http://HOST:PORT; registry: has no http://HOST:PORT/PATH for the service documents; tick_token: must have at least 22 characters; audit_key: is not base64url; documents_upstream: is not of the form http://HOST:PORT; upstream_timeout: is not a number of seconds from 1 to 3600",
      "request_id": "[uuid]"
    }
    "#);
    let log = app.log_through(&answer).unwrap();
    assert!(!log.iter().any(|line| line.contains("hunter2")), "{log:#?}");
    app.stop().await.unwrap();
}

#[tokio::test]
async fn an_origin_that_denies_every_host_leaves_the_components_unasked() {
    let app = App::builder().variable("database_host", "hunter2").start().await.unwrap();
    assert_snapshot!(app.anonymous().get("/readyz").await.unwrap(), @r#"
    503 {
      "code": "not_ready",
      "detail": "database_host: does not begin with postgres://; auth: does not tell whether it is configured (the log says why); settings: does not tell whether it is configured (the log says why); services: does not tell whether it is configured (the log says why); documents: does not tell whether it is configured (the log says why)",
      "request_id": "[uuid]"
    }
    "#);
    // What the platform calls a host that is not allowed.
    assert!(app.wait_for_log("HttpRequestDenied").is_some(), "{:#?}", app.log());
    app.stop().await.unwrap();
}

#[tokio::test]
async fn no_client_can_ask_a_component_about_its_configuration() {
    let app = app().await;
    for (target, status) in [
        ("/configuration", "404"),
        ("http://auth.spin.internal/configuration", "404"),
        ("http://auth.spin.internal/api/auth/configuration", "404"),
        ("http://auth.spin.internal/.well-known/jwks.json", "200"),
    ] {
        let mut socket = TcpStream::connect(app.url().trim_start_matches("http://")).await.unwrap();
        let host = if target.starts_with('/') { "desk.test" } else { "auth.spin.internal" };
        let request = format!(
            "GET {target} HTTP/1.1\r\nhost: {host}\r\nspin-client-addr: 0.0.0.0:0\r\nconnection: close\r\n\r\n"
        );
        socket.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{target}: {answer}");
        assert!(!answer.contains("problems"), "{target}: {answer}");
    }
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
    let log = app.log_through(&answer).unwrap();
    assert!(!log.iter().any(leaks), "{log:#?}");
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
    let readiness = async |app: &App| {
        let answer = app.anonymous().get("/readyz").await.unwrap().to_string();
        answer.replace(&format!("needs {}", ops::LATEST_MIGRATION), "needs [newest]")
    };
    app.database().raw("delete from _sqlx_migrations").await.unwrap();
    assert_snapshot!(readiness(&app).await, @r#"
    503 {
      "code": "not_ready",
      "detail": "migrations: the schema is at 0, this version needs [newest]",
      "request_id": "[uuid]"
    }
    "#);
    app.database().raw("drop table _sqlx_migrations").await.unwrap();
    assert_snapshot!(readiness(&app).await, @r#"
    503 {
      "code": "not_ready",
      "detail": "migrations: the schema is at 0, this version needs [newest]",
      "request_id": "[uuid]"
    }
    "#);
    app.stop().await.unwrap();
}
