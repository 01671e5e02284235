//! Sessions that end because another one begins.

use e2e::{App, Browser, Caller};
use reqwest::Method;
use serde_json::json;

use super::{ACCESS, REFRESH, browser};
use crate::app;

const ME: &str = "/api/users/me";

/// Signs in from a browser as it is.
async fn sign_in(browser: &mut Browser, email: &str) {
    let body = json!({"email": email, "password": Caller::PASSWORD});
    let request = browser.from_our_page(Method::POST, "/api/auth/session").json(&body);
    let answer = browser.send(request).await.unwrap();
    assert_eq!(answer.status, 200, "{answer}");
}

#[tokio::test]
async fn a_browser_has_one_session_whoever_signs_in() {
    let mut shared = browser().await;
    let first = shared.clone();
    let phone = app().await.sign_in(first.email()).await.unwrap();
    sign_in(&mut shared, first.email()).await;
    assert_eq!(first.clone().get(ME).await.unwrap().code(), "session_ended");
    let second = shared.clone();
    sign_in(&mut shared, browser().await.email()).await;
    assert_eq!(second.clone().get(ME).await.unwrap().code(), "session_ended");
    assert_eq!(shared.get(ME).await.unwrap().status, 200);
    // Sessions elsewhere go on.
    assert_eq!(phone.get(ME).await.unwrap().status, 200);
}

#[tokio::test]
async fn either_cookie_tells_which_session_a_browser_had() {
    for left in [ACCESS, REFRESH] {
        let before = browser().await;
        let mut after = app().await.browser().await.unwrap();
        let other = if left == ACCESS { REFRESH } else { ACCESS };
        after = after.with_cookie(left, before.cookie(left)).with_cookie(other, "nonsense");
        sign_in(&mut after, before.email()).await;
        assert_eq!(before.clone().get(ME).await.unwrap().code(), "session_ended", "{left}");
    }
}

#[tokio::test]
async fn a_wrong_password_ends_no_session() {
    let mut browser = browser().await;
    let body = json!({"email": browser.email(), "password": "Wrong-Horse"});
    let request = browser.from_our_page(Method::POST, "/api/auth/session").json(&body);
    assert_eq!(browser.send(request).await.unwrap().status, 401);
    assert_eq!(browser.get(ME).await.unwrap().status, 200);
}

#[tokio::test]
async fn beyond_the_most_sessions_the_one_that_was_used_least_recently_ends() {
    let app = App::builder().variable("max_sessions", "3").start().await.unwrap();
    let first = app.user().await.unwrap();
    let (second, third) = (app.sign_in(&first.email).await.unwrap(), app.sign_in(&first.email).await.unwrap());
    // All but the first were used long ago, the second longest.
    for (hours, caller) in [("3", &second), ("2", &third), ("1", &first)] {
        let sessions = caller.get("/api/auth/sessions").await.unwrap().json();
        let current = sessions.as_array().unwrap().iter().find(|session| session["current"] == true).unwrap();
        let used = format!("{hours} {}", current["id"].as_str().unwrap());
        let past = "update sessions set last_used_at = now() - split_part($1, ' ', 1)::int * interval '1 hour'
                    where id = split_part($1, ' ', 2)::uuid";
        assert_eq!(app.database().execute(past, &used).await.unwrap(), 1);
    }
    let fourth = app.sign_in(&first.email).await.unwrap();
    assert_eq!(second.get(ME).await.unwrap().code(), "session_ended");
    for caller in [&first, &third, &fourth] {
        assert_eq!(caller.get(ME).await.unwrap().status, 200);
    }
    app.stop().await.unwrap();
}

#[tokio::test]
async fn a_session_that_is_used_outlasts_one_that_never_was() {
    let app = App::builder().variable("max_sessions", "2").start().await.unwrap();
    let laptop = app.user().await.unwrap();
    let phone = app.sign_in(&laptop.email).await.unwrap();
    assert_eq!(laptop.get(ME).await.unwrap().status, 200);
    let tablet = app.sign_in(&laptop.email).await.unwrap();
    assert_eq!(phone.get(ME).await.unwrap().code(), "session_ended");
    for caller in [&laptop, &tablet] {
        assert_eq!(caller.get(ME).await.unwrap().status, 200);
    }
    app.stop().await.unwrap();
}

#[tokio::test]
async fn the_audit_log_says_of_every_owner_that_sessions_of_theirs_ended() {
    let app = app().await;
    let admin = app.admin().await.unwrap();
    let ended = async |email: &str| -> Vec<(String, String)> {
        let user = app.sign_in(email).await.unwrap().get(ME).await.unwrap().json();
        let id = user["id"].as_str().unwrap();
        let rows = admin.get(&format!("/api/admin/audit?target_id={id}&action=auth.logout")).await.unwrap().json();
        let row = |row: &serde_json::Value| {
            let sessions = &row["changes"]["session_ids"];
            assert_eq!((sessions[0].as_array().unwrap().len(), &sessions[1]), (1, &json!(null)), "{row}");
            (row["actor_id"].as_str().unwrap().to_owned(), sessions[0][0].as_str().unwrap().to_owned())
        };
        rows.as_array().unwrap().iter().map(row).collect()
    };
    let id = async |email: &str| -> String {
        let user = app.sign_in(email).await.unwrap().get(ME).await.unwrap().json();
        user["id"].as_str().unwrap().to_owned()
    };
    // Another person signs in over the session of the first.
    let (mut shared, other) = (browser().await, browser().await);
    let first = shared.email().to_owned();
    sign_in(&mut shared, other.email()).await;
    let rows = ended(&first).await;
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].0, id(other.email()).await);
    assert_eq!(ended(other.email()).await, []);
    // Signing out with cookies of two.
    let third = browser().await;
    let mut mixed = shared.clone().with_cookie(REFRESH, third.cookie(REFRESH));
    assert_eq!(mixed.post("/api/auth/logout").await.unwrap().status, 204);
    for email in [other.email(), third.email()] {
        let rows = ended(email).await;
        assert_eq!(rows.len(), 1, "{email}");
        assert_eq!(rows[0].0, id(other.email()).await, "{email}");
    }
}

#[tokio::test]
async fn a_browser_that_signs_in_again_ends_no_session_but_its_own() {
    let app = App::builder().variable("max_sessions", "2").start().await.unwrap();
    let phone = app.user().await.unwrap();
    let mut browser = app.browser_of(&phone.email).await.unwrap();
    for _ in 0..3 {
        sign_in(&mut browser, &phone.email).await;
        assert_eq!(browser.get(ME).await.unwrap().status, 200);
    }
    assert_eq!(phone.get(ME).await.unwrap().status, 200);
    app.stop().await.unwrap();
}

#[tokio::test]
async fn the_list_says_when_a_session_was_used_last() {
    let app = app().await;
    let user = app.user().await.unwrap();
    let minutes = async |minutes: &str| {
        let past = "update sessions set last_used_at = now() - split_part($1, ' ', 2)::int * interval '1 minute'
                    where user_id = (select id from users where email = split_part($1, ' ', 1))";
        assert_eq!(app.database().execute(past, &format!("{} {minutes}", user.email)).await.unwrap(), 1);
        let used = user.get("/api/users/me").await.unwrap();
        assert_eq!(used.status, 200);
        let since = "select round(extract(epoch from now() - s.last_used_at) / 60)::text
                     from sessions s join users u on u.id = s.user_id where u.email = $1";
        app.database().text(since, &user.email).await.unwrap()
    };
    // It is written at most every few minutes.
    assert_eq!(minutes("3").await, "3");
    assert_eq!(minutes("5").await, "0");
}

#[tokio::test]
async fn nobody_waits_to_say_that_a_session_was_used() {
    let app = App::start().await.unwrap();
    let user = app.user().await.unwrap();
    app.database().raw("update sessions set last_used_at = now() - interval '1 hour'").await.unwrap();
    let lock = app.database().hold("select from sessions for update").await.unwrap();
    assert_eq!(user.get(ME).await.unwrap().status, 200);
    lock.release().await.unwrap();
    let unused = "select count(*)::text from sessions where last_used_at < now() - interval '1 minute' and $1 = ''";
    assert_eq!(app.database().text(unused, "").await.unwrap(), "1");
    assert_eq!(user.get(ME).await.unwrap().status, 200);
    assert_eq!(app.database().text(unused, "").await.unwrap(), "0");
    app.stop().await.unwrap();
}
