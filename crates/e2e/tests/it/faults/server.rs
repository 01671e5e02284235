//! The Postgres server restarts, is away, is full, or ends what it was asked to do: under load.

use std::time::{Duration, Instant};

use anyhow::Result;
use e2e::{App, Caller, Load, Server, Stop};
use futures::future::join_all;
use insta::assert_snapshot;
use serde_json::json;
use tokio::time::sleep;

/// Enough to occupy several instances of each component.
const PEOPLE: usize = 16;
/// A request that is on its way when the server comes back may still meet what the server's end has left.
const AFTERMATH: Duration = Duration::from_secs(3);
/// The 3 s in which a connection must be had, and the hashing of others that a request may wait for before and meanwhile.
const NO_CONNECTION: Duration = Duration::from_secs(8);

// Those that begin a session: others may wait for each other for a moment, and some are sent again.
const COUNT_WAITING: &str = "select count(*)::text || $1 from pg_stat_activity
    where datname = current_database() and wait_event_type = 'Lock' and query like '%start_session(%'";
const CANCEL_WAITING: &str = "select pg_cancel_backend(pid) from pg_stat_activity
    where datname = current_database() and wait_event_type = 'Lock' and query like '%start_session(%'";
const KILL_WAITING: &str = "select pg_terminate_backend(pid) from pg_stat_activity
    where datname = current_database() and wait_event_type = 'Lock' and query like '%start_session(%'";

/// Something that is not to be had for a while.
struct Away {
    from: Instant,
    to: Instant,
}

/// Restarts a server, and says when it was not there.
async fn restart(server: &Server, stop: Stop) -> Result<Away> {
    let from = Instant::now();
    server.stop(stop).await?;
    // Long enough that everybody notices.
    sleep(Duration::from_secs(2)).await;
    server.start().await?;
    Ok(Away { from, to: Instant::now() })
}

#[tokio::test]
async fn a_restarted_server_is_503_while_it_is_away_and_no_write_is_lost_or_doubled() {
    let server = Server::create(&[]).unwrap();
    server.start().await.unwrap();
    let app = App::builder().database(server.database().await.unwrap()).start().await.unwrap();
    let mut away = Vec::new();
    let events = async {
        for stop in [Stop::Fast, Stop::Immediate] {
            sleep(Duration::from_secs(2)).await;
            away.push(restart(&server, stop).await?);
        }
        sleep(Duration::from_secs(4)).await;
        Ok(())
    };
    let outcome = Load::on(&app).during(PEOPLE, events).await.unwrap();
    assert!(!outcome.refusals.is_empty(), "nobody noticed");
    for (began, ended) in &outcome.refusals {
        let excused = away.iter().any(|away| *ended >= away.from && *began <= away.to + AFTERMATH);
        assert!(excused, "a 503 while the server was there");
    }
    outcome.check(&app).await.unwrap();
    app.stop().await.unwrap();
}

#[tokio::test]
async fn a_server_that_is_absent_at_the_start_is_named_and_found_when_it_comes() {
    let server = Server::create(&[]).unwrap();
    server.start().await.unwrap();
    let database = server.database().await.unwrap();
    server.stop(Stop::Fast).await.unwrap();
    let app = App::builder().database(database).start().await.unwrap();
    let anonymous = app.anonymous();
    assert_eq!(anonymous.get("/healthz").await.unwrap().status, 200);
    assert_snapshot!(anonymous.get("/readyz").await.unwrap(), @r#"
    503 {
      "code": "not_ready",
      "detail": "database: there is no connection to it; the log says why",
      "request_id": "[uuid]"
    }
    "#);
    assert!(app.wait_for_log("refused").is_some(), "the log does not say why");
    let credentials = json!({"username": App::new_email(), "password": Caller::PASSWORD});
    for answer in join_all((0..32).map(|_| anonymous.post("/api/auth/login", &credentials))).await {
        let answer = answer.unwrap();
        assert_eq!((answer.status.as_u16(), answer.header("retry-after")), (503, "1"), "{answer}");
    }
    server.start().await.unwrap();
    let answer = anonymous.get("/readyz").await.unwrap();
    assert_eq!(answer.status, 200, "{answer}");
    app.user().await.unwrap();
    app.stop().await.unwrap();
}

#[tokio::test]
async fn a_server_without_a_free_connection_is_503_at_once_and_recovers() {
    let server = Server::create(&["max_connections = 8", "superuser_reserved_connections = 0"]).unwrap();
    server.start().await.unwrap();
    let app = App::builder().database(server.database().await.unwrap()).start().await.unwrap();
    let user = app.user().await.unwrap();
    let outcome = Load::on(&app)
        .during(PEOPLE, async {
            // They take what is free, and what becomes free.
            let mut taken = Vec::new();
            let until = Instant::now() + Duration::from_secs(4);
            while Instant::now() < until {
                if let Ok(connection) = app.database().connect().await {
                    taken.push(connection);
                }
                sleep(Duration::from_millis(20)).await;
            }
            Ok(())
        })
        .await
        .unwrap();
    assert!(!outcome.refusals.is_empty(), "nobody noticed");
    for (began, ended) in &outcome.refusals {
        let took = *ended - *began;
        assert!(took < NO_CONNECTION, "a refusal took {took:?}");
    }
    // The host keeps what it has got, so that there may be none for another component, and for the test.
    restart(&server, Stop::Fast).await.unwrap();
    assert_eq!(user.get("/api/users/me").await.unwrap().status, 200);
    outcome.check(&app).await.unwrap();
    app.stop().await.unwrap();
}

#[tokio::test]
async fn statements_that_are_cancelled_or_killed_are_503_and_no_write_is_lost_or_doubled() {
    let app = App::start().await.unwrap();
    let database = app.database();
    let outcome = Load::on(&app)
        .during(PEOPLE, async {
            for end in [CANCEL_WAITING, KILL_WAITING, CANCEL_WAITING, KILL_WAITING] {
                // Whoever signs in has to wait for the lock, in a statement that writes.
                let lock = database.hold("select from users for update").await?;
                while database.text(COUNT_WAITING, "").await? == "0" {
                    sleep(Duration::from_millis(10)).await;
                }
                database.raw(end).await?;
                lock.release().await?;
                sleep(Duration::from_millis(500)).await;
            }
            Ok(())
        })
        .await
        .unwrap();
    assert!(outcome.refusals.len() >= 4, "{:?}", outcome.refusals);
    outcome.check(&app).await.unwrap();
    app.stop().await.unwrap();
}
