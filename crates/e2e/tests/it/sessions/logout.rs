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
    __Host-fd_refresh=; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=0
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
    let answer = stolen.clone().post(ALL).await.unwrap();
    assert_eq!((outcome(&answer), answer.cookies().as_str()), (refused("session_ended"), CLEARED));
    assert_eq!(user.get(ME).await.unwrap().status, 200);

    let idle = browser().await;
    change(
        "update sessions s set idle_expires_at = now() from users u where u.id = s.user_id and u.email = $1",
        idle.email(),
    )
    .await;
    let user = app.sign_in(idle.email()).await.unwrap();
    assert_eq!(outcome(&idle.clone().post(ALL).await.unwrap()), refused("session_ended"));
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

#[tokio::test]
async fn the_refresh_cookie_alone_is_good_enough_to_leave() {
    for access in ["", "nonsense"] {
        let browser = browser().await;
        let mut left = browser.clone().with_cookie(ACCESS, access);
        let answer = left.post(PATH).await.unwrap();
        assert_eq!((answer.status.as_u16(), answer.cookies().as_str()), (204, CLEARED), "{access:?}");
        assert_eq!(browser.clone().get(ME).await.unwrap().code(), "session_ended", "{access:?}");
    }
    // It ends all sessions too, unless it was replaced long ago.
    let app = app().await;
    let browser = browser().await;
    let phone = app.sign_in(browser.email()).await.unwrap();
    let mut current = browser.clone();
    for _ in 0..2 {
        assert_eq!(current.post("/api/auth/refresh").await.unwrap().status, 200);
    }
    let mut stolen = browser.clone().with_cookie(ACCESS, "");
    assert_eq!(outcome(&stolen.post(ALL).await.unwrap()), refused("session_ended"));
    assert_eq!(phone.get(ME).await.unwrap().status, 200);
    let mut browser = app.browser_of(browser.email()).await.unwrap().with_cookie(ACCESS, "");
    assert_eq!(browser.post(ALL).await.unwrap().status, 204);
    assert_eq!(phone.get(ME).await.unwrap().code(), "session_ended");
}

#[tokio::test]
async fn a_live_refresh_cookie_ends_all_sessions_beside_the_access_cookie_of_one_that_has_ended() {
    let app = app().await;
    let ended = browser().await;
    assert_eq!(ended.clone().post(PATH).await.unwrap().status, 204);
    let browser = app.browser_of(ended.email()).await.unwrap();
    let phone = app.sign_in(ended.email()).await.unwrap();
    let mut mixed = browser.clone().with_cookie(ACCESS, ended.cookie(ACCESS));
    assert_eq!(mixed.post(ALL).await.unwrap().status, 204);
    for client in [browser, mixed] {
        assert_eq!(client.clone().post("/api/auth/refresh").await.unwrap().status, 401);
    }
    assert_eq!(phone.get(ME).await.unwrap().code(), "session_ended");
}

#[tokio::test]
async fn another_site_signs_nobody_out() {
    let mut browser = browser().await;
    let mut left = browser.clone().with_cookie(ACCESS, "");
    for from in [&mut browser, &mut left] {
        let request = from.request(Method::POST, PATH).header("sec-fetch-site", "cross-site");
        let answer = from.send(request).await.unwrap();
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (403, "csrf"), "{answer}");
    }
    assert_eq!(browser.get(ME).await.unwrap().status, 200);
    // Nor does it clear the cookies, which browsers do not send with its form.
    let anonymous = app().await.anonymous();
    for site in ["cross-site", "same-site"] {
        let request = anonymous.request(Method::POST, PATH).header("sec-fetch-site", site);
        let answer = anonymous.send(request).await.unwrap();
        assert_eq!((outcome(&answer), answer.cookies()), (refused("not_authenticated"), String::new()), "{site}");
    }
}

#[tokio::test]
async fn whoever_cannot_be_signed_out_is_left_without_cookies_all_the_same() {
    let anonymous = app().await.anonymous();
    let mut nonsense = browser().await.with_cookie(ACCESS, "nonsense").with_cookie(REFRESH, "nonsense");
    let answer = nonsense.post(PATH).await.unwrap();
    assert_eq!((outcome(&answer), answer.cookies().as_str()), (refused("invalid_token"), CLEARED));
    let answer = anonymous.post(PATH, &json!({})).await.unwrap();
    assert_eq!((outcome(&answer), answer.cookies().as_str()), (refused("not_authenticated"), CLEARED));
}

#[tokio::test]
async fn a_header_leaves_the_session_of_the_cookies_beside_it_alone() {
    let app = app().await;
    let mut browser = browser().await;
    let user = app.user().await.unwrap();
    let request = browser.request(Method::POST, PATH).bearer_auth(&user.token);
    let answer = browser.send(request).await.unwrap();
    assert_eq!((answer.status.as_u16(), answer.cookies()), (204, String::new()));
    assert_eq!(user.get(ME).await.unwrap().code(), "session_ended");
    assert_eq!(browser.get(ME).await.unwrap().status, 200);
    // A browser that sends its own token in the header too is left without cookies.
    let token = browser.cookie(ACCESS).to_owned();
    let request = browser.request(Method::POST, PATH).bearer_auth(&token);
    let answer = browser.send(request).await.unwrap();
    assert_eq!((answer.status.as_u16(), answer.cookies().as_str()), (204, CLEARED));
}

#[tokio::test]
async fn a_header_that_ends_all_sessions_leaves_no_cookies_of_one_of_them() {
    let app = app().await;
    let mut browser = browser().await;
    let phone = app.sign_in(browser.email()).await.unwrap();
    let request = browser.request(Method::POST, ALL).bearer_auth(&phone.token);
    let answer = browser.send(request).await.unwrap();
    assert_eq!(answer.status, 204);
    assert!(answer.cookies().starts_with(CLEARED) && answer.cookies().contains("fd_device=;"), "{}", answer.cookies());
    assert_eq!((browser.cookie(ACCESS), browser.cookie(REFRESH)), ("", ""));
}

#[tokio::test]
async fn every_session_that_the_cookies_name_ends() {
    let (past, live) = (browser().await, browser().await);
    assert_eq!(past.clone().post(PATH).await.unwrap().status, 204);
    let mut mixed = live.clone().with_cookie(ACCESS, past.cookie(ACCESS));
    let answer = mixed.post(PATH).await.unwrap();
    assert_eq!((answer.status.as_u16(), answer.cookies().as_str()), (204, CLEARED));
    assert_eq!(live.clone().get(ME).await.unwrap().code(), "session_ended");
}
