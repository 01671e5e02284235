//! POST /api/auth/refresh.

use std::collections::BTreeSet;

use e2e::{Answer, App, Browser};
use futures::future::join_all;
use insta::assert_snapshot;
use reqwest::Method;
use serde_json::{Value, json};

use super::{ACCESS, CLEARED, REFRESH, browser, change, outcome, refused};
use crate::{app, replica};

const PATH: &str = "/api/auth/refresh";
const ME: &str = "/api/users/me";

/// As if the last refresh had been eleven seconds ago, one more than its predecessor is good for.
const ELEVEN_SECONDS_AGO: &str = "update sessions s set rotated_at = s.rotated_at - interval '11 seconds'
    from users u where u.id = s.user_id and u.email = $1";

/// The tokens of somebody new without a browser.
async fn tokens() -> (String, Value) {
    let user = app().await.user().await.unwrap();
    let body = json!({"username": user.email, "password": e2e::Caller::PASSWORD});
    (user.email, app().await.anonymous().post("/api/auth/login", &body).await.unwrap().json())
}

async fn refresh(token: &Value) -> Answer {
    app().await.anonymous().post(PATH, &json!({"refresh_token": token})).await.unwrap()
}

#[tokio::test]
async fn a_browser_is_given_new_cookies() {
    let mut browser = browser().await;
    let before = browser.clone();
    let answer = browser.post(PATH).await.unwrap();
    assert_snapshot!(answer, @r#"
    200 {
      "created_at": "[time]",
      "email": "[email]",
      "email_verified": false,
      "full_name": null,
      "id": "[uuid]",
      "is_active": true,
      "last_login_at": "[time]",
      "mfa_enabled": false,
      "role": "user",
      "updated_at": "[time]"
    }
    "#);
    assert_snapshot!(answer.cookies(), @"
    __Host-fd_access=[token]; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=1209600
    __Host-fd_refresh=[refresh token]; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=1209600
    __Host-fd_device=[device]; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=31536000
    ");
    for cookie in [ACCESS, REFRESH] {
        assert_ne!(browser.cookie(cookie), before.cookie(cookie));
    }
    assert_eq!(browser.get(ME).await.unwrap().status, 200);
    // The access token before is good for as long as it says.
    assert_eq!(before.clone().get(ME).await.unwrap().status, 200);
}

#[tokio::test]
async fn a_program_is_given_a_new_pair() {
    let (_, first) = tokens().await;
    let answer = refresh(&first["refresh_token"]).await;
    assert_snapshot!(answer, @r#"
    200 {
      "access_token": "[token]",
      "expires_in": 28800,
      "refresh_token": "[refresh token]",
      "token_type": "bearer"
    }
    "#);
    assert_eq!(answer.cookies(), "");
    let second = answer.json();
    assert_ne!(second["refresh_token"], first["refresh_token"]);
    let caller = app().await.anonymous().with_token(second["access_token"].as_str().unwrap());
    assert_eq!(caller.get(ME).await.unwrap().status, 200);
    assert_eq!(refresh(&second["refresh_token"]).await.status, 200);
}

#[tokio::test]
async fn the_token_of_the_body_counts_more_than_that_of_the_cookie() {
    let (mut browser, (_, tokens)) = (browser().await, tokens().await);
    let before = browser.cookie(REFRESH).to_owned();
    let request = browser.request(Method::POST, PATH).json(&json!({"refresh_token": tokens["refresh_token"]}));
    assert!(browser.send(request).await.unwrap().json()["access_token"].is_string());
    assert_eq!(browser.cookie(REFRESH), before);
    // A body without one is as good as none.
    for body in [json!({}), json!(null), json!({"refresh_token": null})] {
        let request = browser.from_our_page(Method::POST, PATH).json(&body);
        let answer = browser.send(request).await.unwrap();
        assert_eq!(answer.json()["email"], json!(browser.email()), "{answer}");
    }
}

#[tokio::test]
async fn without_a_token_or_with_more_it_is_refused() {
    let anonymous = app().await.anonymous();
    let nothing = anonymous.send(anonymous.request(Method::POST, PATH)).await.unwrap();
    assert_eq!(outcome(&nothing), refused("not_authenticated"));
    assert_eq!(outcome(&anonymous.post(PATH, &json!({})).await.unwrap()), refused("not_authenticated"));
    assert_eq!(anonymous.post(PATH, &json!({"refresh_token": 5})).await.unwrap().refused(), ["body.refresh_token"]);
    assert_eq!(anonymous.post(PATH, &json!({"token": "x"})).await.unwrap().refused(), ["body.token"]);
    let form = anonymous.request(Method::POST, PATH).header("content-type", "application/x-www-form-urlencoded");
    let form = form.body("refresh_token=x");
    assert_eq!(anonymous.send(form).await.unwrap().status, 415);
}

#[tokio::test]
async fn the_token_before_is_answered_with_the_same_state_for_ten_seconds() {
    let before = browser().await;
    let mut first = before.clone();
    assert_eq!(first.post(PATH).await.unwrap().status, 200);
    // The answer was lost, or another tab asked at the same time.
    change(
        "update sessions s set rotated_at = s.rotated_at - interval '8 seconds'
         from users u where u.id = s.user_id and u.email = $1",
        before.email(),
    )
    .await;
    for _ in 0..2 {
        let mut again = before.clone();
        assert_eq!(again.post(PATH).await.unwrap().status, 200);
        assert_eq!(again.cookie(REFRESH), first.cookie(REFRESH));
        assert_eq!(again.get(ME).await.unwrap().status, 200);
    }
    assert_eq!(first.post(PATH).await.unwrap().status, 200);
}

#[tokio::test]
async fn a_token_that_is_used_again_later_ends_the_session() {
    let before = browser().await;
    let mut after = before.clone();
    assert_eq!(after.post(PATH).await.unwrap().status, 200);
    change(ELEVEN_SECONDS_AGO, before.email()).await;

    let answer = before.clone().post(PATH).await.unwrap();
    assert_snapshot!(answer, @r#"
    401 {
      "code": "refresh_reused",
      "detail": "This refresh token was used before: the session has ended, please sign in again",
      "request_id": "[uuid]"
    }
    "#);
    assert_eq!((answer.cookies().as_str(), answer.header("www-authenticate")), (CLEARED, "Bearer"));
    // It holds: for whoever has the newer token, on this replica and on the other, and also once the row is gone.
    over(&before, &after).await;
    change("delete from sessions s using users u where u.id = s.user_id and u.email = $1", before.email()).await;
    over(&before, &after).await;
}

/// Every token of a session is answered like that of one that has ended, and its cookies are cleared.
async fn over(before: &Browser, after: &Browser) {
    for browser in [before, after, &after.at(replica().await)] {
        for answer in [browser.clone().post(PATH).await.unwrap(), browser.clone().get(ME).await.unwrap()] {
            assert_eq!((outcome(&answer), answer.cookies().as_str()), (refused("session_ended"), CLEARED));
        }
    }
}

#[tokio::test]
async fn a_program_that_uses_a_token_again_is_told_so_without_cookies() {
    let (email, first) = tokens().await;
    let second = refresh(&first["refresh_token"]).await.json();
    change(ELEVEN_SECONDS_AGO, &email).await;
    let answer = refresh(&first["refresh_token"]).await;
    assert_eq!((outcome(&answer), answer.cookies()), (refused("refresh_reused"), String::new()));
    for token in [&first["refresh_token"], &second["refresh_token"]] {
        let answer = refresh(token).await;
        assert_eq!((outcome(&answer), answer.cookies()), (refused("session_ended"), String::new()));
    }
}

#[tokio::test]
async fn a_token_from_before_the_last_but_one_ends_the_session_at_once() {
    let (_, first) = tokens().await;
    let second = refresh(&first["refresh_token"]).await.json();
    let third = refresh(&second["refresh_token"]).await.json();
    assert_eq!(outcome(&refresh(&first["refresh_token"]).await), refused("refresh_reused"));
    assert_eq!(outcome(&refresh(&third["refresh_token"]).await), refused("session_ended"));
}

#[tokio::test]
async fn a_refresh_token_that_another_site_of_our_domain_has_put_there_takes_nobody_into_its_session() {
    let (mut victim, attacker) = (browser().await, browser().await);
    let own = victim.cookie(REFRESH).to_owned();
    let thrown = attacker.cookie(REFRESH).to_owned();
    let mut deceived = victim.clone().with_cookie(REFRESH, &thrown);
    let answer = deceived.post(PATH).await.unwrap();
    assert_eq!((outcome(&answer), answer.cookies().as_str()), (refused("invalid_token"), ""));
    // Beside the own one it changes nothing.
    let both = victim.clone().with_cookie(REFRESH, &format!("{thrown}; {REFRESH}={own}")).post(PATH).await.unwrap();
    assert_eq!((both.status.as_u16(), &both.json()["email"]), (200, &json!(victim.email())));
    assert_eq!(victim.get(ME).await.unwrap().json()["email"], victim.email());
}

#[tokio::test]
async fn other_sessions_of_the_same_person_go_on() {
    let (before, other) = (browser().await, app().await);
    let mut other = other.browser_of(before.email()).await.unwrap();
    assert_eq!(before.clone().post(PATH).await.unwrap().status, 200);
    change(ELEVEN_SECONDS_AGO, before.email()).await;
    assert_eq!(before.clone().post(PATH).await.unwrap().code(), "refresh_reused");
    assert_eq!(other.get(ME).await.unwrap().status, 200);
    assert_eq!(other.post(PATH).await.unwrap().status, 200);
}

#[tokio::test]
async fn of_twenty_at_the_same_time_all_go_on_with_one_session() {
    let (before, replica) = (browser().await, replica().await);
    let mut tabs: Vec<_> = (0..20).map(|n| if n % 2 == 0 { before.clone() } else { before.at(replica) }).collect();
    let answers = join_all(tabs.iter_mut().map(|tab| tab.post(PATH))).await;
    for answer in answers {
        let answer = answer.unwrap();
        assert_eq!(answer.status, 200, "{answer}");
    }
    let successors: BTreeSet<_> = tabs.iter().map(|tab| tab.cookie(REFRESH)).collect();
    assert_eq!(successors.len(), 1, "{successors:?}");
    let live = "select count(*) || ' ' || max(s.refresh_counter) from sessions s join users u on u.id = s.user_id
                where u.email = $1 and s.expires_at > now()";
    assert_eq!(app().await.database().text(live, before.email()).await.unwrap(), "1 1");
    for tab in &mut tabs {
        assert_eq!(tab.get(ME).await.unwrap().status, 200);
    }
    // And so they do the next time.
    for answer in join_all(tabs.iter_mut().map(|tab| tab.post(PATH))).await {
        assert_eq!(answer.unwrap().status, 200);
    }
}

#[tokio::test]
async fn refreshing_at_the_moment_of_signing_out_leaves_nobody_signed_in() {
    for _ in 0..10 {
        let (browser, replica) = (browser().await, replica().await);
        let (mut leaving, mut staying) = (browser.clone(), browser.at(replica));
        let (left, stayed) = tokio::join!(leaving.post("/api/auth/logout"), staying.post(PATH));
        assert_eq!(left.unwrap().status, 204);
        let stayed = stayed.unwrap();
        assert!(stayed.status == 200 || stayed.code() == "session_ended", "{stayed}");
        assert_eq!(staying.get(ME).await.unwrap().status, 401);
    }
}

#[tokio::test]
async fn another_key_makes_other_tokens() {
    let app = App::builder().variable("refresh_token_key", "B".repeat(42) + "A").start().await.unwrap();
    let (_, tokens) = tokens().await;
    let body = json!({"refresh_token": tokens["refresh_token"]});
    assert_eq!(outcome(&app.anonymous().post(PATH, &body).await.unwrap()), refused("invalid_token"));
    app.stop().await.unwrap();
}
