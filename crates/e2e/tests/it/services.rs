//! /api/services and /internal/tick: every test has a Frontdesk of its own, whose services are in the test process.

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use e2e::{Answer, App, AppBuilder, Caller, Host, Upstream};
use futures::future::join_all;
use http::Response;
use http::header::LOCATION;
use insta::assert_snapshot;
use reqwest::Method;
use serde_json::{Value, json};

const TICK_TOKEN: &str = AppBuilder::TICK_TOKEN;

/// A day ago, as if nobody had looked since.
const A_DAY_AGO: &str = "update services set checked_at = checked_at - interval '1 day'";
const TURN_A_DAY_AGO: &str =
    "update ticks set claimed_at = claimed_at - interval '1 day', done_at = done_at - interval '1 day'";

/// How long the scheduler may take: its period, and a start.
const UNTIL_SCHEDULED: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(50);

fn frontdesk(documents: &str, ai: &str) -> AppBuilder {
    App::builder().variable("documents_upstream", documents).variable("ai_upstream", ai)
}

fn service(status: u16) -> Upstream {
    Upstream::answering(move |_| Response::builder().status(status).body(Bytes::new()).unwrap()).unwrap()
}

async fn list(caller: &Caller) -> Vec<Value> {
    let answer = caller.get("/api/services").await.unwrap();
    assert_eq!(answer.status, 200, "{answer}");
    answer.json().as_array().unwrap().clone()
}

async fn tick(caller: &Caller, token: &str) -> Answer {
    caller.send(caller.with_token(token).request(Method::POST, "/internal/tick")).await.unwrap()
}

fn polls(service: &Upstream) -> usize {
    service.received("/health").len()
}

/// As if the last poll had been long ago.
async fn age(app: &App) {
    app.database().raw(A_DAY_AGO).await.unwrap();
    app.database().raw(TURN_A_DAY_AGO).await.unwrap();
}

#[tokio::test]
async fn the_first_list_after_the_start_says_how_the_services_are() {
    let (documents, ai) = (service(204), service(503));
    let app = frontdesk(&documents.origin(), &ai.origin()).start().await.unwrap();
    let services = list(&app.user().await.unwrap()).await;
    assert_eq!(services.len(), 2);
    let mut latencies = Vec::new();
    let mut shown = Vec::new();
    for mut service in services {
        latencies.push(service["latency_ms"].take().as_i64().unwrap());
        assert!(service["checked_at"].take().is_string());
        let last_healthy_at = service["last_healthy_at"].take();
        assert_eq!(last_healthy_at.is_string(), service["status"] == "healthy");
        shown.push(service);
    }
    assert!(latencies.iter().all(|latency| (0..5_000).contains(latency)), "{latencies:?}");
    assert_snapshot!(serde_json::to_string(&shown).unwrap(), @r#"[{"checked_at":null,"error":null,"key":"documents","last_healthy_at":null,"latency_ms":null,"name":"Documents","status":"healthy"},{"checked_at":null,"error":"status 503","key":"ai","last_healthy_at":null,"latency_ms":null,"name":"AI","status":"unhealthy"}]"#);
    let received = documents.received("/health");
    assert_eq!((received.len(), received[0].method.as_str(), received[0].target.as_str()), (1, "GET", "/health"));
    assert!(received[0].header("authorization").is_empty());
    app.stop().await.unwrap();
}

#[tokio::test]
async fn a_service_that_does_not_answer_holds_nobody_up_for_long() {
    // The system accepts its connections, and that is all.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent_origin = format!("http://{}", silent.local_addr().unwrap());
    let app = frontdesk(&silent_origin, &Upstream::nowhere().unwrap()).start().await.unwrap();
    let user = app.user().await.unwrap();
    let began = Instant::now();
    let answer = user.get("/api/services").await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    let services = answer.json();
    for (service, error) in services.as_array().unwrap().iter().zip(["timeout", "refused"]) {
        assert_eq!(service["status"], json!("unhealthy"), "{answer}");
        assert_eq!(service["error"], json!(error), "{answer}");
        assert_eq!(service["latency_ms"], Value::Null, "{answer}");
    }
    assert!(!answer.body.contains("127.0.0.1"), "{answer}");
    app.stop().await.unwrap();
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_is_not_healthy() {
    let elsewhere = service(200);
    let target = format!("{}/health", elsewhere.origin());
    let redirecting = Upstream::answering(move |_| {
        Response::builder().status(302).header(LOCATION, target.as_str()).body(Bytes::new()).unwrap()
    })
    .unwrap();
    let app = frontdesk(&redirecting.origin(), "").start().await.unwrap();
    let services = list(&app.user().await.unwrap()).await;
    assert_eq!(services[0]["error"], json!("status 302"));
    assert_eq!(polls(&elsewhere), 0);
    app.stop().await.unwrap();
}

#[tokio::test]
async fn a_service_that_this_installation_does_not_have_is_not_listed() {
    let app = frontdesk("", "").start().await.unwrap();
    assert!(list(&app.user().await.unwrap()).await.is_empty());
    assert_eq!(tick(&app.anonymous(), TICK_TOKEN).await.status, 204);
    app.stop().await.unwrap();
}

#[tokio::test]
async fn a_reading_that_is_old_is_taken_again_once_whoever_asks() {
    let documents = service(200);
    let app = frontdesk(&documents.origin(), "").start().await.unwrap();
    let user = app.user().await.unwrap();
    let first = list(&user).await;
    assert_eq!(list(&user).await, first);
    assert_eq!(polls(&documents), 1);
    age(&app).await;
    let replica = app.replica().unwrap();
    let elsewhere = user.at(&replica);
    let lists = join_all((0..20).map(|index| list(if index % 2 == 0 { &user } else { &elsewhere }))).await;
    for found in &lists {
        assert_eq!(found, &lists[0]);
        assert!(found[0]["checked_at"].as_str().unwrap() >= first[0]["checked_at"].as_str().unwrap());
    }
    assert_eq!(polls(&documents), 2);
    drop(replica);
    app.stop().await.unwrap();
}

#[tokio::test]
async fn replicas_that_tick_at_once_poll_once_and_show_the_same() {
    let documents = service(200);
    let app = frontdesk(&documents.origin(), "").start().await.unwrap();
    let replica = app.replica().unwrap();
    let callers = [app.anonymous(), app.anonymous().at(&replica)];
    let ticks = join_all((0..10).map(|index| tick(&callers[index % 2], TICK_TOKEN))).await;
    assert!(ticks.iter().all(|answer| answer.status == 204), "{ticks:?}");
    assert_eq!(polls(&documents), 1);
    let user = app.user().await.unwrap();
    assert_eq!(list(&user).await, list(&user.at(&replica)).await);
    assert_eq!(polls(&documents), 1);
    drop(replica);
    app.stop().await.unwrap();
}

#[tokio::test]
async fn what_a_poll_finds_is_kept_for_a_day() {
    let is_well = Arc::new(AtomicBool::new(true));
    let answering = Arc::clone(&is_well);
    let documents = Upstream::answering(move |_| {
        let status = if answering.load(Ordering::Relaxed) { 200 } else { 500 };
        Response::builder().status(status).body(Bytes::new()).unwrap()
    })
    .unwrap();
    let app = frontdesk(&documents.origin(), "").start().await.unwrap();
    let user = app.user().await.unwrap();
    let healthy = list(&user).await;
    assert_eq!(healthy[0]["status"], json!("healthy"));

    is_well.store(false, Ordering::Relaxed);
    app.database().raw(TURN_A_DAY_AGO).await.unwrap();
    assert_eq!(tick(&app.anonymous(), TICK_TOKEN).await.status, 204);
    let unhealthy = list(&user).await;
    assert_eq!(unhealthy[0]["status"], json!("unhealthy"));
    assert_eq!(unhealthy[0]["last_healthy_at"], healthy[0]["last_healthy_at"]);
    let history = "select status, count(*) from service_readings group by status order by status";
    let counts = app.database().counts(history).await.unwrap();
    assert_eq!(counts, [("healthy".to_owned(), 1), ("unhealthy".to_owned(), 1)]);

    let old = "update service_readings set checked_at = checked_at - interval '25 hours' where status = 'healthy'";
    app.database().raw(old).await.unwrap();
    app.database().raw(TURN_A_DAY_AGO).await.unwrap();
    assert_eq!(tick(&app.anonymous(), TICK_TOKEN).await.status, 204);
    assert_eq!(app.database().counts(history).await.unwrap(), [("unhealthy".to_owned(), 2)]);
    app.stop().await.unwrap();
}

#[tokio::test]
async fn the_turn_of_a_replica_that_is_gone_is_taken_by_another() {
    let documents = service(200);
    let app = frontdesk(&documents.origin(), "").start().await.unwrap();
    let claimed = "insert into ticks (name, claimed_at) values ('services', now() - interval '11 seconds')";
    app.database().raw(claimed).await.unwrap();
    assert_eq!(list(&app.user().await.unwrap()).await[0]["status"], json!("healthy"));
    assert_eq!(polls(&documents), 1);
    app.stop().await.unwrap();
}

#[tokio::test]
async fn somebody_who_waits_for_the_turn_of_another_in_vain_is_told_what_there_is() {
    let documents = service(200);
    let app = frontdesk(&documents.origin(), "").start().await.unwrap();
    let claimed = "insert into ticks (name, claimed_at) values ('services', now() + interval '1 minute')";
    app.database().raw(claimed).await.unwrap();
    assert_snapshot!(app.user().await.unwrap().get("/api/services").await.unwrap(), @r#"
    200 [
      {
        "checked_at": null,
        "error": null,
        "key": "documents",
        "last_healthy_at": null,
        "latency_ms": null,
        "name": "Documents",
        "status": "unknown"
      }
    ]
    "#);
    assert_eq!(polls(&documents), 0);
    app.stop().await.unwrap();
}

#[tokio::test]
async fn only_the_scheduler_may_tick() {
    let documents = service(200);
    let app = frontdesk(&documents.origin(), "").start().await.unwrap();
    let admin = app.admin().await.unwrap();
    let wrong = "another-token-of-the-scheduler";
    for (token, code) in [("", "not_authenticated"), (wrong, "invalid_token"), (&admin.token, "invalid_token")] {
        let answer = tick(&admin, token).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (401, code), "{answer}");
        assert_eq!(answer.header("www-authenticate"), "Bearer");
    }
    assert_eq!(polls(&documents), 0);
    let answer = tick(&admin, TICK_TOKEN).await;
    assert_eq!((answer.status.as_u16(), answer.body.as_str()), (204, ""));
    assert_eq!(polls(&documents), 1);
    app.stop().await.unwrap();
}

#[tokio::test]
async fn the_scheduled_component_ticks() {
    if !Host::has_scheduler().unwrap() {
        return;
    }
    // In the place of the application: what its own port will be is not known before it serves.
    let called = service(204);
    let app = frontdesk("", "").variable("app_url", called.origin()).host(|host| host.scheduled());
    let app = app.start().await.unwrap();
    let began = Instant::now();
    while called.received("/internal/tick").is_empty() && began.elapsed() < UNTIL_SCHEDULED {
        tokio::time::sleep(LOOK).await;
    }
    let received = called.received("/internal/tick");
    assert!(!received.is_empty(), "no tick in {:#?}", app.log());
    let first = &received[0];
    assert_eq!((first.method.as_str(), first.target.as_str()), ("POST", "/internal/tick"));
    assert_eq!(first.header("authorization"), [format!("Bearer {TICK_TOKEN}")]);
    app.stop().await.unwrap();
}

#[tokio::test]
async fn a_tick_deletes_what_sessions_are_over_a_thousand_at_a_time() {
    let app = frontdesk("", "").start().await.unwrap();
    let mut browser = app.browser().await.unwrap();
    // Over by one of the two times, or by both.
    let insert = "insert into sessions (user_id, expires_at, idle_expires_at)
        select id, now() + (n % 3 - 1) * interval '1 day', now() + (n % 2 - 1) * interval '1 day'
        from users, generate_series(1, 1800) n where email = $1";
    assert_eq!(app.database().execute(insert, browser.email()).await.unwrap(), 1800);
    let live = "update sessions set expires_at = now() + interval '1 day', idle_expires_at = now() + interval '1 hour'
        where id in (select id from sessions where idle_expires_at <= now() limit 600) and $1 <> ''";
    assert_eq!(app.database().execute(live, browser.email()).await.unwrap(), 600);
    let left = async || {
        let count = "select count(*)::text from sessions where $1 <> ''";
        app.database().text(count, browser.email()).await.unwrap().parse::<u32>().unwrap()
    };
    let mut counts = vec![left().await];
    for _ in 0..3 {
        assert_eq!(tick(&app.anonymous(), TICK_TOKEN).await.status, 204);
        counts.push(left().await);
    }
    assert_eq!(counts, [1801, 801, 601, 601]);
    assert_eq!(browser.get("/api/users/me").await.unwrap().status, 200);
    app.stop().await.unwrap();
}
