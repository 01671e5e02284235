//! What happens when the database does not do what it should: a host and a database of its own for each test.

use std::time::{Duration, Instant};

use e2e::{App, Caller};
use futures::future::join_all;
use serde_json::json;

const END_OTHER_SESSIONS: &str = "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()";

#[tokio::test]
async fn a_lost_connection_is_opened_anew_and_no_request_notices() {
    let app = App::start().await.unwrap();
    let user = app.user().await.unwrap();
    for _ in 0..10 {
        app.database().raw(END_OTHER_SESSIONS).await.unwrap();
        assert_eq!(user.get("/api/users/me").await.unwrap().status, 200);
        app.database().raw(END_OTHER_SESSIONS).await.unwrap();
        app.sign_in(&user.email).await.unwrap();
    }
    app.stop().await.unwrap();
}

#[tokio::test]
async fn a_lost_connection_doubles_no_write() {
    let app = App::start().await.unwrap();
    let stop = tokio::sync::Notify::new();
    let kill = async {
        loop {
            tokio::select! {
                () = stop.notified() => return,
                killed = app.database().raw(END_OTHER_SESSIONS) => killed.unwrap(),
            }
        }
    };
    let register = async {
        let anonymous = app.anonymous();
        let mut made = Vec::new();
        for _ in 0..40 {
            let email = App::new_email();
            let body = json!({"email": email, "password": Caller::PASSWORD});
            let answer = anonymous.post("/api/auth/register", &body).await.unwrap();
            // 409 would be a second insert of what the first had stored.
            assert!([201, 503].contains(&answer.status.as_u16()), "{answer}");
            if answer.status == 201 {
                made.push(email);
            }
        }
        stop.notify_one();
        made
    };
    let ((), made) = tokio::join!(kill, register);
    for email in &made {
        let count = app.database().text("select count(*)::text from users where email = $1", email).await.unwrap();
        assert_eq!(count, "1");
    }
    app.stop().await.unwrap();
}

#[tokio::test]
async fn what_waits_too_long_for_a_lock_is_503_and_does_not_happen_later() {
    let app = App::start().await.unwrap();
    let user = app.user().await.unwrap();
    let lock = app.database().hold("select from users for update").await.unwrap();
    let started = Instant::now();
    let body = json!({"username": user.email, "password": Caller::PASSWORD});
    let answer = app.anonymous().post("/api/auth/login", &body).await.unwrap();
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (503, "unavailable"));
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    assert_eq!(user.get("/api/users/me").await.unwrap().status, 200, "who does not need the lock is not held up");
    lock.release().await.unwrap();
    let sessions = "select count(*)::text from sessions s join users u on u.id = s.user_id where u.email = $1";
    assert_eq!(app.database().text(sessions, &user.email).await.unwrap(), "1");
    app.stop().await.unwrap();
}

#[tokio::test]
async fn a_server_that_is_silent_is_503_within_three_seconds() {
    // Accepts connections and says nothing.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let host = format!("postgres://{}", silent.local_addr().unwrap());
    let url = host.replace("://", "://user@") + "/none?sslmode=disable";
    let app = App::builder().variable("database_url", url).variable("database_host", host).start().await.unwrap();
    let started = Instant::now();
    let answer = app.anonymous().get("/readyz").await.unwrap();
    assert_eq!(answer.status, 503);
    let (least, most) = (Duration::from_secs(2), Duration::from_secs(5));
    assert!((least..most).contains(&started.elapsed()), "{:?}", started.elapsed());
    app.stop().await.unwrap();
}

#[tokio::test]
async fn many_sign_ins_at_once_all_succeed() {
    let app = App::start().await.unwrap();
    let user = app.user().await.unwrap();
    let results = join_all((0..100).map(|_| app.sign_in(&user.email))).await;
    for result in results {
        result.unwrap();
    }
    app.stop().await.unwrap();
}
