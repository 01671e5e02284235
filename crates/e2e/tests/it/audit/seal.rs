//! POST /internal/tick seals what is there.

use std::time::{Duration, Instant};

use e2e::{App, Caller};
use futures::future::join;
use serde_json::{Value, json};

use super::{ROWS, rows, sealed, tick};

/// As many as one call seals.
const MANY: &str = "
insert into audit_log (at, action, target_type, request_id, changes)
select now() - n * interval '1 second', 'many.made', 'many', 'r-' || n, '{\"name\": [\"old\", \"new\"]}'
from generate_series(1, 20000) n";

/// Whether places and seals are there from the first to the head without a gap, in the order of the rows.
const IS_CHAIN: &str = "
select (count(*) = max(a.seq) and min(a.seq) = 1 and max(a.seq) = min(h.seq)
        and bool_or(a.seq = h.seq and a.seal = h.seal) and count(distinct a.seal) = count(*) and $1 = '')::text
from audit_log a cross join audit_head h where a.seq is not null";

#[tokio::test]
async fn a_tick_seals_what_is_there_and_says_where_the_chain_ends() {
    let app = App::start().await.unwrap();
    let admin = app.admin().await.unwrap();
    app.database().raw(ROWS).await.unwrap();
    let there = rows(&admin, "limit=1").await.len();
    assert_eq!((there, sealed(&app).await), (1, "0".to_owned()));
    assert_eq!(tick(&admin).await.status, 204);
    let head = app.wait_for_log("audit.seq").unwrap();
    let head: Value = serde_json::from_str(&head[head.find('{').unwrap()..]).unwrap();
    let seal = app.database().text("select encode(seal, 'hex') from audit_head where $1 = ''", "").await.unwrap();
    assert_eq!((&head["level"], &head["component"]), (&json!("info"), &json!("services")), "{head}");
    assert_eq!((head["audit.seq"].to_string(), &head["audit.seal"]), (sealed(&app).await, &json!(seal)), "{head}");
    assert_eq!(app.database().text(IS_CHAIN, "").await.unwrap(), "true");

    // Nothing new: nothing is said.
    let answer = tick(&admin).await;
    assert_eq!(answer.status, 204);
    assert_eq!(app.log_through(&answer).unwrap().iter().filter(|line| line.contains("audit.seq")).count(), 1);
    let before = sealed(&app).await;
    assert_eq!(admin.post("/api/admin/groups", &json!({"name": "New"})).await.unwrap().status, 201);
    assert_eq!(tick(&admin).await.status, 204);
    assert!(sealed(&app).await.parse::<u64>().unwrap() > before.parse().unwrap());
    assert_eq!(app.database().text(IS_CHAIN, "").await.unwrap(), "true");
    app.stop().await.unwrap();
}

#[tokio::test]
async fn ticks_at_once_make_one_chain() {
    let app = App::start().await.unwrap();
    let replica = app.replica().unwrap();
    let admin = app.admin().await.unwrap();
    app.database().raw(MANY).await.unwrap();
    let there = admin.at(&replica);
    for _ in 0..3 {
        let (one, other) = join(tick(&admin), tick(&there)).await;
        assert_eq!((one.status.as_u16(), other.status.as_u16()), (204, 204));
        assert_eq!(app.database().text(IS_CHAIN, "").await.unwrap(), "true");
    }
    drop(replica);
    app.stop().await.unwrap();
}

#[tokio::test]
async fn the_poll_and_the_sealing_do_not_fail_with_each_other() {
    let app = App::start().await.unwrap();
    let admin = app.admin().await.unwrap();
    app.database().raw(ROWS).await.unwrap();
    app.database().raw("alter table ticks rename to ticks_away").await.unwrap();
    assert_eq!(tick(&admin).await.code(), "internal_error");
    assert_ne!(sealed(&app).await, "0");
    app.database()
        .raw("alter table ticks_away rename to ticks; alter table audit_head rename to head_away")
        .await
        .unwrap();
    assert_eq!(tick(&admin).await.code(), "internal_error");
    let polled = "select count(*)::text from ticks where done_at is not null and name = $1";
    assert_eq!(app.database().text(polled, "services").await.unwrap(), "1");
    app.stop().await.unwrap();
}

/// How long writes take that are audited, until told to stop: sorted.
async fn writes(admin: &Caller, path: &str, enough: impl Fn(usize) -> bool) -> Vec<Duration> {
    let mut times = Vec::new();
    while !enough(times.len()) {
        let began = Instant::now();
        let body = json!({"description": format!("Text {}", times.len())});
        assert_eq!(admin.patch(path, &body).await.unwrap().status, 200);
        times.push(began.elapsed());
    }
    times.sort_unstable();
    times
}

fn told(times: &[Duration]) -> String {
    let (median, most) = (times[times.len() / 2], times[times.len() - 1]);
    format!("{} writes, median {median:.1?}, slowest {most:.1?}", times.len())
}

#[tokio::test]
async fn writers_do_not_wait_for_the_sealing() {
    let app = App::start().await.unwrap();
    let admin = app.admin().await.unwrap();
    let group = admin.post("/api/admin/groups", &json!({"name": "Group"})).await.unwrap().json();
    let path = format!("/api/admin/groups/{}", group["id"].as_str().unwrap());
    writes(&admin, &path, |count| count >= 20).await;
    let alone = writes(&admin, &path, |count| count >= 200).await;
    app.database().raw(MANY).await.unwrap();
    let is_done = std::cell::Cell::new(false);
    let sealing = async {
        let began = Instant::now();
        assert_eq!(tick(&admin).await.status, 204);
        is_done.set(true);
        began.elapsed()
    };
    let (took, during) = join(sealing, writes(&admin, &path, |_| is_done.get())).await;
    assert_eq!(sealed(&app).await, "20000");
    println!("sealing 20,000 rows: {took:.1?}; before: {}; meanwhile: {}", told(&alone), told(&during));
    // A batch is a thousand rows: whoever waited for one would wait for much longer than a write takes.
    assert!(during.len() >= 20, "{during:?}");
    assert_eq!(app.database().text(IS_CHAIN, "").await.unwrap(), "true");
    app.stop().await.unwrap();
}
