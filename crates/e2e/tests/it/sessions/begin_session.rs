//! POST /api/auth/session.

use e2e::Caller;
use insta::assert_snapshot;
use reqwest::Method;
use serde_json::json;

use super::{browser, other};
use crate::app;

const SESSION: &str = "/api/auth/session";

#[tokio::test]
async fn signing_in_puts_the_tokens_into_cookies_and_nowhere_else() {
    let user = app().await.user().await.unwrap();
    let body = json!({"email": user.email.to_uppercase(), "password": Caller::PASSWORD});
    let answer = app().await.anonymous().post(SESSION, &body).await.unwrap();
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
}

#[tokio::test]
async fn the_code_of_a_second_factor_is_taken_though_nobody_has_one() {
    let user = app().await.user().await.unwrap();
    for totp in [json!(null), json!("123456")] {
        let body = json!({"email": user.email, "password": Caller::PASSWORD, "totp": totp, "remember": true});
        assert_eq!(app().await.anonymous().post(SESSION, &body).await.unwrap().status, 200);
    }
}

#[tokio::test]
async fn where_browsers_come_over_plain_http_the_cookies_have_plain_names() {
    let app = other().await;
    let user = app.user().await.unwrap();
    let body = json!({"email": user.email, "password": Caller::PASSWORD});
    assert_snapshot!(app.anonymous().post(SESSION, &body).await.unwrap().cookies(), @"
    fd_access=[token]; HttpOnly; SameSite=Lax; Path=/; Max-Age=600
    fd_refresh=[refresh token]; HttpOnly; SameSite=Lax; Path=/; Max-Age=600
    fd_device=[device]; HttpOnly; SameSite=Lax; Path=/; Max-Age=31536000
    ");
    let mut browser = app.browser_of(&user.email).await.unwrap();
    assert_eq!(browser.get("/api/users/me").await.unwrap().status, 200);
    let answer = browser.post("/api/auth/refresh").await.unwrap();
    assert_snapshot!(answer.cookies(), @"
    fd_access=[token]; HttpOnly; SameSite=Lax; Path=/; Max-Age=600
    fd_refresh=[refresh token]; HttpOnly; SameSite=Lax; Path=/; Max-Age=600
    fd_device=[device]; HttpOnly; SameSite=Lax; Path=/; Max-Age=31536000
    ");
    assert_snapshot!(browser.post("/api/auth/logout").await.unwrap().cookies(), @"
    fd_access=; HttpOnly; SameSite=Lax; Path=/; Max-Age=0
    fd_refresh=; HttpOnly; SameSite=Lax; Path=/; Max-Age=0
    ");
    assert_eq!(browser.cookie("fd_access"), "");
}

#[tokio::test]
async fn a_name_that_says_otherwise_is_not_looked_at() {
    let browser = browser().await;
    let token = browser.cookie(super::ACCESS);
    let anonymous = app().await.anonymous();
    let request = anonymous.request(Method::GET, "/api/users/me").header("cookie", format!("fd_access={token}"));
    assert_eq!(anonymous.send(request).await.unwrap().code(), "not_authenticated");
}

#[tokio::test]
async fn a_wrong_password_sets_no_cookie() {
    let user = app().await.user().await.unwrap();
    for email in [&*user.email, "nobody@example.com", "no address"] {
        let body = json!({"email": email, "password": "Wrong-Horse"});
        let answer = app().await.anonymous().post(SESSION, &body).await.unwrap();
        assert_eq!((answer.code().as_str(), &*answer.cookies()), ("invalid_credentials", ""));
        assert_eq!(answer.header("www-authenticate"), "Bearer");
    }
}

#[tokio::test]
async fn what_is_missing_and_what_is_unknown_is_refused() {
    let anonymous = app().await.anonymous();
    assert_eq!(anonymous.post(SESSION, &json!({})).await.unwrap().refused(), ["body.email", "body.password"]);
    let body = json!({"email": "ada@example.com", "password": "x", "scope": "x"});
    assert_eq!(anonymous.post(SESSION, &body).await.unwrap().refused(), ["body.scope"]);
}

// A form of another site could sign a browser in to an account of the attacker's. It can send these types and no other without
// asking first, and who asks is told of no other site.
#[tokio::test]
async fn a_form_of_another_site_signs_nobody_in() {
    let user = app().await.user().await.unwrap();
    let anonymous = app().await.anonymous();
    let json = json!({"email": user.email, "password": Caller::PASSWORD}).to_string();
    let form = format!("email={}&password={}", user.email, Caller::PASSWORD);
    for (content_type, body) in [
        (Some("text/plain"), &json),
        (Some("text/plain;application/json"), &json),
        (Some("application/x-www-form-urlencoded"), &form),
        (Some("application/x-www-form-urlencoded"), &json),
        (Some("multipart/form-data; boundary=x"), &json),
        (None, &json),
    ] {
        let request = anonymous.request(Method::POST, SESSION).header("sec-fetch-site", "cross-site");
        let request = request.header("origin", "https://elsewhere.example").body(body.clone());
        let request = content_type.map(|ty| request.try_clone().unwrap().header("content-type", ty)).unwrap_or(request);
        let answer = anonymous.send(request).await.unwrap();
        assert_eq!((answer.status.as_u16(), answer.cookies().as_str()), (403, ""), "{content_type:?}: {answer}");
    }
    let asks = anonymous
        .request(Method::OPTIONS, SESSION)
        .header("origin", "https://elsewhere.example")
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "content-type");
    let answer = anonymous.send(asks).await.unwrap();
    assert_eq!(answer.status, 405);
    assert!(!answer.headers.keys().any(|name| name.as_str().starts_with("access-control-")), "{:?}", answer.headers);
}
