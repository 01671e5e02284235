//! What the tick does with mails and with what has expired.

use e2e::{Answer, App, AppBuilder};
use reqwest::Method;
use serde_json::json;

async fn tick(app: &App) -> Answer {
    let scheduler = app.anonymous().with_token(AppBuilder::TICK_TOKEN);
    let answer = scheduler.send(scheduler.request(Method::POST, "/internal/tick")).await.unwrap();
    assert_eq!(answer.status, 204);
    answer
}

async fn count(app: &App, table: &str) -> i64 {
    let query = "select count(*)::text from (
                     select 'outbox' as name from outbox union all select 'password_resets' from password_resets
                     union all select 'rate_limits' from rate_limits union all select 'sessions' from sessions
                 ) rows where name = $1";
    app.database().text(query, table).await.unwrap().parse().unwrap()
}

async fn forget(app: &App, email: &str) {
    let answer = app.anonymous().post("/api/auth/password/forgot", &json!({"email": email})).await.unwrap();
    assert_eq!(answer.status, 202, "{answer}");
}

#[tokio::test]
async fn a_mail_is_printed_once_where_mails_are_printed() {
    let app = App::builder().variable("mail_transport", "log").start().await.unwrap();
    let user = app.user().await.unwrap();
    forget(&app, &user.email).await;
    assert_eq!(count(&app, "outbox").await, 1);
    tick(&app).await;
    let line = app.wait_for_log("mail.body").unwrap();
    assert!(line.contains(&user.email) && line.contains("fdp_"), "{line}");
    assert_eq!(count(&app, "outbox").await, 0);
    tick(&app).await;
    forget(&app, &app.user().await.unwrap().email).await;
    let answer = tick(&app).await;
    // Two mails to two people: the first one was not printed again.
    let log = app.log_through(&answer).unwrap();
    assert_eq!(log.iter().filter(|line| line.contains(&user.email) && line.contains("mail.body")).count(), 1);
    app.stop().await.unwrap();
}

#[tokio::test]
async fn a_mail_waits_where_none_is_sent_and_no_log_tells_its_token() {
    let app = App::start().await.unwrap();
    forget(&app, &app.user().await.unwrap().email).await;
    let answer = tick(&app).await;
    assert_eq!(count(&app, "outbox").await, 1);
    assert!(!app.log_through(&answer).unwrap().iter().any(|line| line.contains("fdp_")));
    app.stop().await.unwrap();
}

#[tokio::test]
async fn what_has_expired_is_deleted_and_nothing_else_is() {
    let app = App::start().await.unwrap();
    let (first, second) = (app.user().await.unwrap(), app.user().await.unwrap());
    forget(&app, &first.email).await;
    forget(&app, &second.email).await;
    let expire = "
        update outbox set expires_at = now() where created_at = (select min(created_at) from outbox);
        update password_resets set expires_at = now() where token_hash = (select token_hash from password_resets limit 1);
        update sessions set idle_expires_at = now() where created_at = (select min(created_at) from sessions);
        insert into rate_limits (key, count, expires_at) select 'past:' || n, 1, now() from generate_series(1, 500) n;
        insert into rate_limits (key, count, expires_at) values ('here', 1, now() + interval '1 hour')";
    app.database().raw(expire).await.unwrap();
    let limits = count(&app, "rate_limits").await;
    tick(&app).await;
    for (table, left) in [("outbox", 1), ("password_resets", 1), ("sessions", 1), ("rate_limits", limits - 500)] {
        assert_eq!(count(&app, table).await, left, "{table}");
    }
    app.stop().await.unwrap();
}
