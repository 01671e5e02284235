//! How long a session lasts, and its access tokens.

use std::time::Duration;

use e2e::Answer;
use insta::assert_snapshot;
use serde_json::{Value, json};

use super::{ACCESS, CLEARED, browser, change, expired, other, outcome, refused};
use crate::app;

const ME: &str = "/api/users/me";
const REFRESH: &str = "/api/auth/refresh";

/// The time between two times of a session, as the list has it.
fn between(session: &Value, from: &str, to: &str) -> Duration {
    let at = |name: &str| {
        let text = session[name].as_str().unwrap();
        chrono::DateTime::parse_from_rfc3339(text).unwrap()
    };
    (at(to) - at(from)).to_std().unwrap()
}

/// The times of the cookies that an answer sets, in seconds.
fn max_ages(answer: &Answer) -> Vec<String> {
    let cookies = answer.cookies();
    let ages = cookies.lines().filter_map(|cookie| cookie.split("Max-Age=").nth(1));
    ages.map(str::to_owned).collect()
}

#[tokio::test]
async fn an_access_token_whose_time_is_over_leaves_the_cookies_and_a_refresh_goes_on() {
    let browser = browser().await;
    let mut late = browser.clone().with_cookie(ACCESS, &expired(app().await, browser.cookie(ACCESS)));
    let answer = late.get(ME).await.unwrap();
    assert_snapshot!(answer, @r#"
    401 {
      "code": "token_expired",
      "detail": "The access token has expired",
      "request_id": "[uuid]"
    }
    "#);
    assert_eq!((answer.cookies().as_str(), answer.header("www-authenticate")), ("", "Bearer"));
    assert_eq!(late.post(REFRESH).await.unwrap().status, 200);
    assert_eq!(late.get(ME).await.unwrap().status, 200);
}

#[tokio::test]
async fn a_session_that_is_over_clears_the_cookies() {
    for end in [
        // Nobody refreshed it for long.
        "update sessions s set idle_expires_at = now() - interval '1 second' from users u
         where u.id = s.user_id and u.email = $1",
        // It has lasted as long as any may.
        "update sessions s set expires_at = now() - interval '1 second' from users u
         where u.id = s.user_id and u.email = $1",
        "delete from sessions s using users u where u.id = s.user_id and u.email = $1",
        "update users set sessions_ended_at = clock_timestamp() where email = $1",
        "delete from users where email = $1",
    ] {
        let browser = browser().await;
        change(end, browser.email()).await;
        for answer in [browser.clone().get(ME).await.unwrap(), browser.clone().post(REFRESH).await.unwrap()] {
            assert_eq!((outcome(&answer), answer.cookies().as_str()), (refused("session_ended"), CLEARED), "{end}");
        }
        // Which access token it was does not matter to that: it was not looked at.
        let mut late = browser.clone().with_cookie(ACCESS, &expired(app().await, browser.cookie(ACCESS)));
        let answer = late.get(ME).await.unwrap();
        assert_eq!((outcome(&answer), answer.cookies().as_str()), (refused("token_expired"), ""), "{end}");
    }
}

#[tokio::test]
async fn a_refresh_puts_off_the_end_but_not_beyond_the_last() {
    let browser = &mut browser().await;
    let list = "/api/auth/sessions";
    let fortnight = Duration::from_secs(14 * 24 * 3600);
    let session = browser.get(list).await.unwrap().json()[0].clone();
    assert_eq!(between(&session, "created_at", "expires_at"), fortnight);

    let thirteen_days_later = "
        update sessions s set created_at = s.created_at - interval '13 days', last_used_at = s.last_used_at - interval '13 days',
            expires_at = s.expires_at - interval '13 days', idle_expires_at = s.idle_expires_at - interval '13 days'
        from users u where u.id = s.user_id and u.email = $1";
    for expected in [27, 30] {
        change(thirteen_days_later, browser.email()).await;
        assert_eq!(browser.post(REFRESH).await.unwrap().status, 200);
        let session = browser.get(list).await.unwrap().json()[0].clone();
        let lasts = between(&session, "created_at", "expires_at").as_secs_f64() / 24.0 / 3600.0;
        assert!((lasts - f64::from(expected)).abs() < 0.01, "{lasts} days, not {expected}");
        let used = between(&session, "created_at", "last_used_at").as_secs_f64() / 24.0 / 3600.0;
        assert!(used > 12.99, "last used after {used} days");
    }
    change(thirteen_days_later, browser.email()).await;
    let answer = browser.post(REFRESH).await.unwrap();
    assert_eq!((outcome(&answer), answer.cookies().as_str()), (refused("session_ended"), CLEARED));
}

#[tokio::test]
async fn the_operator_says_how_long_they_last() {
    let app = other().await;
    let user = app.user().await.unwrap();
    let body = json!({"username": user.email, "password": e2e::Caller::PASSWORD});
    assert_eq!(app.anonymous().post("/api/auth/login", &body).await.unwrap().json()["expires_in"], json!(60));
    let mut browser = app.browser_of(&user.email).await.unwrap();
    let answer = browser.post(REFRESH).await.unwrap();
    assert_eq!(max_ages(&answer), ["600", "600", "31536000"]);
    let session = browser.get("/api/auth/sessions").await.unwrap().json()[0].clone();
    let lasts = between(&session, "last_used_at", "expires_at");
    assert_eq!(lasts, Duration::from_secs(600));
}
