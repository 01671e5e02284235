//! Answers that do not end.

use std::time::{Duration, Instant};

use e2e::{App, Caller};
use reqwest::{Method, Response};
use tokio::time::timeout;

use super::{Desk, desk, request, uploads::wait_until};

/// Within which the first event is to be there. It takes a few milliseconds; the rest is for a machine of many tests.
const PROMPT: Duration = Duration::from_secs(1);
/// As many as the app is to bear at a time.
const STREAMS: usize = 100;

async fn open(desk: &Desk, user: &Caller) -> Response {
    let answer = request(desk, user, Method::GET, "/sse").send().await.unwrap();
    assert_eq!(answer.status(), 200);
    answer
}

/// Reads until this event is there.
async fn read_to(stream: &mut Response, event: &str) {
    let mut text = String::new();
    while !text.contains(&format!("data: {event}\n\n")) {
        let chunk = timeout(Duration::from_secs(10), stream.chunk()).await.expect("an event").unwrap().unwrap();
        text.push_str(std::str::from_utf8(&chunk).unwrap());
    }
}

async fn sessions(app: &App) -> i64 {
    let count = "select 'all', count(*) from pg_stat_activity
                 where datname = current_database() and backend_type = 'client backend' and pid <> pg_backend_pid()";
    app.database().counts(count).await.unwrap()[0].1
}

#[tokio::test]
async fn the_first_event_is_there_at_once_and_the_others_follow() {
    let desk = desk().await;
    let user = desk.app.user().await.unwrap();
    // The first request starts an instance.
    drop(open(desk, &user).await);
    let began = Instant::now();
    let mut stream = open(desk, &user).await;
    assert_eq!(stream.headers()["content-type"], "text/event-stream");
    assert!(!stream.headers().contains_key("content-length"));
    read_to(&mut stream, "0").await;
    assert!(began.elapsed() < PROMPT, "{:?}", began.elapsed());
    // Longer than an instance without requests lives.
    read_to(&mut stream, "30").await;
    let took = began.elapsed();
    assert!(took > Duration::from_millis(2900), "the events were held back: {took:?}");
}

#[tokio::test]
async fn a_client_that_goes_away_is_gone_for_the_service_too() {
    let desk = Desk::start(|app| app).await;
    let user = desk.app.user().await.unwrap();
    let mut stream = open(&desk, &user).await;
    read_to(&mut stream, "1").await;
    assert_eq!(desk.upstream.open_streams(), 1);
    drop(stream);
    wait_until(|| desk.upstream.open_streams() == 0).await;
    desk.app.stop().await.unwrap();
}

#[tokio::test]
async fn a_hundred_streams_hold_no_database_session_and_slow_nobody_down() {
    let desk = Desk::start(|app| app).await;
    let user = desk.app.user().await.unwrap();
    let mut streams = vec![open(&desk, &user).await];
    assert_eq!(user.get("/api/users/me").await.unwrap().status, 200);
    let before = sessions(&desk.app).await;
    // One after another, so that each can do with the session that the one before has given back.
    for _ in 1..STREAMS {
        streams.push(open(&desk, &user).await);
    }
    let with_streams = sessions(&desk.app).await;
    assert!(with_streams <= before + 2, "{before} sessions have become {with_streams}");
    assert_eq!(desk.upstream.open_streams(), STREAMS);
    let mut slowest = Duration::ZERO;
    for _ in 0..50 {
        let began = Instant::now();
        assert_eq!(user.get("/api/users/me").await.unwrap().status, 200);
        slowest = slowest.max(began.elapsed());
    }
    assert!(slowest < PROMPT, "{slowest:?}");
    // All of them are alive.
    for stream in &mut streams {
        read_to(stream, "5").await;
    }
    drop(streams);
    wait_until(|| desk.upstream.open_streams() == 0).await;
    desk.app.stop().await.unwrap();
}
