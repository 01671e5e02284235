//! POST /api/auth/logout.

use insta::assert_snapshot;
use reqwest::Method;
use serde_json::json;

use super::{ACCESS, CLEARED, REFRESH, browser, change, expired, outcome, refused};
use crate::app;

const PATH: &str = "/api/auth/logout";
const ALL: &str = "/api/auth/logout?all=true";
const ME: &str = "/api/users/me";

#[tokio::test]
async fn who_signs_out_leaves_nothing_behind() {
    let mut browser = browser().await;
    let before = browser.clone();
    let answer = browser.post(PATH).await.unwrap();
    assert_snapshot!(answer, @"204");
    assert_snapshot!(answer.cookies(), @"
    __Host-fd_access=; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=0
    __Secure-fd_refresh=; HttpOnly; SameSite=Lax; Secure; Path=/api/auth; Max-Age=0
    ");
    assert_eq!((browser.cookie(ACCESS), browser.cookie(REFRESH)), ("", ""));
    assert_eq!(browser.get(ME).await.unwrap().code(), "not_authenticated");
    // Who has copied the cookies has nothing.
    assert_eq!(outcome(&before.clone().get(ME).await.unwrap()), refused("session_ended"));
    assert_eq!(outcome(&before.clone().post("/api/auth/refresh").await.unwrap()), refused("session_ended"));
    // Signing out again is no mistake.
    let again = before.clone().post(PATH).await.unwrap();
    assert_eq!((again.status.as_u16(), again.cookies().as_str()), (204, CLEARED));
}

#[tokio::test]
async fn an_access_token_whose_time_is_over_is_good_enough_to_leave() {
    let browser = browser().await;
    let mut late = browser.clone().with_cookie(ACCESS, &expired(app().await, browser.cookie(ACCESS)));
    let answer = late.post(PATH).await.unwrap();
    assert_eq!((answer.status.as_u16(), answer.cookies().as_str()), (204, CLEARED));
    assert_eq!(browser.clone().get(ME).await.unwrap().code(), "session_ended");

    let user = app().await.user().await.unwrap();
    let late = user.with_token(&expired(app().await, &user.token));
    assert_eq!(late.get(ME).await.unwrap().code(), "token_expired");
    assert_eq!(late.post(PATH, &json!({})).await.unwrap().status, 204);
    assert_eq!(user.get(ME).await.unwrap().code(), "session_ended");
}

#[tokio::test]
async fn other_sessions_go_on_unless_all_are_to_end() {
    let app = app().await;
    let (mut browser, stranger) = (browser().await, app.user().await.unwrap());
    let (phone, tablet) = (app.sign_in(browser.email()).await.unwrap(), app.browser_of(browser.email()).await.unwrap());
    assert_eq!(phone.post(PATH, &json!({})).await.unwrap().status, 204);
    assert_eq!(phone.get(ME).await.unwrap().code(), "session_ended");
    assert_eq!(browser.get(ME).await.unwrap().status, 200);
    assert_eq!(browser.clone().post("/api/auth/logout?all=maybe").await.unwrap().refused(), ["query.all"]);

    assert_eq!(browser.post("/api/auth/logout?all=YES").await.unwrap().status, 204);
    assert_eq!(tablet.clone().get(ME).await.unwrap().code(), "session_ended");
    assert_eq!(stranger.get(ME).await.unwrap().status, 200);
    assert_eq!(app.sign_in(tablet.email()).await.unwrap().get(ME).await.unwrap().status, 200);
}

#[tokio::test]
async fn a_token_that_outlived_its_session_ends_no_other() {
    let app = app().await;
    let stolen = browser().await;
    assert_eq!(stolen.clone().post(PATH).await.unwrap().status, 204);
    let user = app.sign_in(stolen.email()).await.unwrap();
    assert_eq!(stolen.clone().post(ALL).await.unwrap().status, 204);
    assert_eq!(user.get(ME).await.unwrap().status, 200);

    let idle = browser().await;
    change(
        "update sessions s set idle_expires_at = now() from users u where u.id = s.user_id and u.email = $1",
        idle.email(),
    )
    .await;
    let user = app.sign_in(idle.email()).await.unwrap();
    assert_eq!(idle.clone().post(ALL).await.unwrap().status, 204);
    assert_eq!(user.get(ME).await.unwrap().status, 200);
}

#[tokio::test]
async fn who_is_not_signed_in_cannot_sign_out() {
    let anonymous = app().await.anonymous();
    assert_eq!(outcome(&anonymous.post(PATH, &json!({})).await.unwrap()), refused("not_authenticated"));
    let stranger = anonymous.with_token("nonsense");
    assert_eq!(outcome(&stranger.post(PATH, &json!({})).await.unwrap()), refused("invalid_token"));
    assert_eq!(anonymous.send(anonymous.request(Method::GET, PATH)).await.unwrap().header("allow"), "POST");
}
