//! The Postgres server restarts, is away, is full, or ends what it was asked to do: under load.

use std::time::{Duration, Instant};

use anyhow::Result;
use e2e::{App, Load, Server, Stop};
use insta::assert_snapshot;
use tokio::time::sleep;

/// Enough to occupy several instances of each component.
const PEOPLE: usize = 24;
/// A request that is on its way when the server comes back may still meet what the server's end has left.
const AFTERMATH: Duration = Duration::from_secs(1);
/// The 3 s in which a connection must be had, and what a busy machine adds.
const NO_CONNECTION: Duration = Duration::from_secs(5);

const CANCEL_ALL: &str = "select pg_cancel_backend(pid) from pg_stat_activity
    where datname = current_database() and pid <> pg_backend_pid()";
const KILL_SOME: &str = "select pg_terminate_backend(pid) from pg_stat_activity
    where datname = current_database() and pid <> pg_backend_pid() and random() < 0.3";

/// Something that is not to be had for a while.
struct Away {
    from: Instant,
    to: Instant,
}

/// Restarts a server, and says when it was not there.
async fn restart(server: &Server, stop: Stop) -> Result<Away> {
    let from = Instant::now();
    tokio::task::block_in_place(|| server.stop(stop))?;
    // Long enough that everybody notices.
    sleep(Duration::from_secs(2)).await;
    tokio::task::block_in_place(|| server.start())?;
    Ok(Away { from, to: Instant::now() })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restarted_server_is_503_while_it_is_away_and_no_write_is_lost_or_doubled() {
    let server = Server::create(&[]).unwrap();
    server.start().unwrap();
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_absent_at_the_start_is_named_and_found_when_it_comes() {
    let server = Server::create(&[]).unwrap();
    server.start().unwrap();
    let database = server.database().await.unwrap();
    server.stop(Stop::Fast).unwrap();
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
    server.start().unwrap();
    let answer = anonymous.get("/readyz").await.unwrap();
    assert_eq!(answer.status, 200, "{answer}");
    app.user().await.unwrap();
    app.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_without_a_free_connection_is_503_at_once_and_recovers() {
    let server = Server::create(&["max_connections = 8", "superuser_reserved_connections = 0"]).unwrap();
    server.start().unwrap();
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
    assert_eq!(user.get("/api/users/me").await.unwrap().status, 200);
    // The host keeps what it has got, so that there is none for the test.
    restart(&server, Stop::Fast).await.unwrap();
    outcome.check(&app).await.unwrap();
    app.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn statements_that_are_cancelled_or_killed_are_503_and_no_write_is_lost_or_doubled() {
    let app = App::start().await.unwrap();
    let outcome = Load::on(&app)
        .during(PEOPLE, async {
            let until = Instant::now() + Duration::from_secs(6);
            while Instant::now() < until {
                app.database().raw(CANCEL_ALL).await?;
                app.database().raw(KILL_SOME).await?;
                sleep(Duration::from_millis(5)).await;
            }
            Ok(())
        })
        .await
        .unwrap();
    outcome.check(&app).await.unwrap();
    app.stop().await.unwrap();
}
