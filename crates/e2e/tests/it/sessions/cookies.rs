//! Who is calling, by the cookie of a browser.

use e2e::{App, Browser, Caller};
use insta::assert_snapshot;
use reqwest::Method;
use serde_json::json;

use super::{ACCESS, CLEARED, REFRESH, browser, change, expired, outcome, refused};
use crate::{app, replica};

const ME: &str = "/api/users/me";

/// Asks who one is with these cookies.
async fn me(cookies: &[&str]) -> e2e::Answer {
    let anonymous = app().await.anonymous();
    let request = anonymous.request(Method::GET, ME);
    let request = cookies.iter().fold(request, |request, cookie| request.header("cookie", *cookie));
    anonymous.send(request).await.unwrap()
}

#[tokio::test]
async fn a_browser_is_signed_in_by_its_cookie() {
    let mut browser = browser().await;
    let answer = browser.get(ME).await.unwrap();
    assert_eq!(answer.json()["email"], json!(browser.email()));
    // Neither is it set again.
    assert_eq!(answer.cookies(), "");
    let change = browser.from_our_page(Method::PUT, "/api/profile").json(&json!({"job_title": "Counting"}));
    assert_eq!(browser.send(change).await.unwrap().json()["job_title"], json!("Counting"));
}

#[tokio::test]
async fn of_a_header_and_a_cookie_the_header_counts() {
    let app = app().await;
    let (user, mut browser) = (app.user().await.unwrap(), browser().await);
    let request = browser.from_our_page(Method::GET, ME).bearer_auth(&user.token);
    assert_eq!(browser.send(request).await.unwrap().json()["email"], json!(user.email));

    let ended = app.user().await.unwrap();
    change("delete from sessions using users u where u.id = user_id and u.email = $1", &ended.email).await;
    for (authorization, code) in [
        ("Bearer nonsense".to_owned(), "invalid_token"),
        (format!("Bearer {}", expired(app, &user.token)), "token_expired"),
        (format!("Bearer {}", ended.token), "session_ended"),
    ] {
        let request = browser.from_our_page(Method::GET, ME).header("authorization", &authorization);
        let answer = browser.send(request).await.unwrap();
        // The cookies are another session's: they stay.
        assert_eq!((outcome(&answer), answer.cookies()), (refused(code), String::new()), "{authorization}");
    }
    assert_eq!(browser.get(ME).await.unwrap().status, 200);
}

#[tokio::test]
async fn a_cookie_is_found_among_others() {
    let token = browser().await.cookie(ACCESS).to_owned();
    let ours = format!("{ACCESS}={token}");
    for cookies in [
        vec![format!("theme=dark; {ours}; _ga=GA1.2.3")],
        vec![format!("theme=dark;{ours}")],
        vec!["theme=dark".to_owned(), ours.clone()],
        vec![format!("theme=dünkel; {ours}")],
        vec![format!(";;=;a;=b; {ours} ;")],
        vec![format!("fd_access=nonsense; __host-fd_access=nonsense; {ours}")],
        // Twice: whichever of them is genuine.
        vec![format!("{ours}; {ours}")],
        vec![format!("{ACCESS}=nonsense; {ours}")],
        vec![format!("{ours}; {ACCESS}=")],
        vec![format!("{ours}; filler={}", "x".repeat(4096))],
    ] {
        let sent: Vec<_> = cookies.iter().map(String::as_str).collect();
        let answer = me(&sent).await;
        assert_eq!(answer.status, 200, "{sent:?}: {answer}");
    }
}

#[tokio::test]
async fn what_is_no_access_token_of_ours_signs_nobody_in() {
    let browser = browser().await;
    let (access, refresh) = (browser.cookie(ACCESS), browser.cookie(REFRESH));
    for (cookie, code) in [
        (String::new(), "not_authenticated"),
        ("session=abc; csrftoken=def".to_owned(), "not_authenticated"),
        (ACCESS.to_owned(), "not_authenticated"),
        (format!("{ACCESS} {access}"), "not_authenticated"),
        (format!("{REFRESH}={refresh}"), "not_authenticated"),
        (format!("x={ACCESS}={access}"), "not_authenticated"),
        (format!("{ACCESS}="), "invalid_token"),
        (format!("{ACCESS}={}", &access[..access.len() / 2]), "invalid_token"),
        (format!("{ACCESS}={}", &access[..access.len() - 1]), "invalid_token"),
        (format!("{ACCESS}={access}{access}"), "invalid_token"),
        (format!("{ACCESS}=Bearer {access}"), "invalid_token"),
        (format!("{ACCESS}={refresh}"), "invalid_token"),
        (format!("{ACCESS}={}", "x".repeat(9000)), "invalid_token"),
    ] {
        let answer = me(&[&cookie]).await;
        assert_eq!((outcome(&answer), answer.cookies()), (refused(code), String::new()), "{cookie}");
        assert_eq!(answer.header("www-authenticate"), "Bearer");
    }
}

#[tokio::test]
async fn what_is_no_refresh_token_of_ours_refreshes_nothing() {
    let browser = browser().await;
    let (access, refresh) = (browser.cookie(ACCESS).to_owned(), browser.cookie(REFRESH).to_owned());
    let anonymous = app().await.anonymous();
    for text in ["", "nonsense", "fdr_", &access, &refresh[..refresh.len() - 1], &format!("{refresh}A"), &refresh[4..]]
    {
        let mut changed = browser.clone().with_cookie(REFRESH, text);
        let answer = changed.post("/api/auth/refresh").await.unwrap();
        assert_eq!((outcome(&answer), answer.cookies()), (refused("invalid_token"), String::new()), "{text}");
        let answer = anonymous.post("/api/auth/refresh", &json!({"refresh_token": text})).await.unwrap();
        assert_eq!(outcome(&answer), refused("invalid_token"), "{text}");
    }
    let bearer = anonymous.with_token(&refresh).get(ME).await.unwrap();
    assert_eq!(outcome(&bearer), refused("invalid_token"));
    // Another application's of the same name beside it does no harm.
    let mut doubled = browser.with_cookie(REFRESH, &format!("nonsense; {REFRESH}={refresh}"));
    assert_eq!(doubled.post("/api/auth/refresh").await.unwrap().status, 200);
}

/// A browser whose account has been locked.
async fn deactivated(app: &App) -> Browser {
    let browser = app.browser().await.unwrap();
    let id = Caller::id(&app.sign_in(browser.email()).await.unwrap()).await.unwrap();
    let answer = crate::admin().await.patch(&format!("/api/admin/users/{id}"), &json!({"is_active": false})).await;
    assert_eq!(answer.unwrap().status, 200);
    browser
}

#[tokio::test]
async fn a_locked_account_is_signed_out_of_its_browser_at_once() {
    let browser = deactivated(app().await).await;
    let answer = browser.clone().get(ME).await.unwrap();
    assert_snapshot!(answer, @r#"
    401 {
      "code": "session_ended",
      "detail": "The session has ended: please sign in again",
      "request_id": "[uuid]"
    }
    "#);
    assert_eq!(answer.cookies(), CLEARED);
    let answer = browser.clone().post("/api/auth/refresh").await.unwrap();
    assert_eq!((outcome(&answer), answer.cookies().as_str()), (refused("session_ended"), CLEARED));
    // It may still leave.
    assert_eq!(browser.clone().post("/api/auth/logout").await.unwrap().status, 204);

    // The old cookies stay dead when the account is let in again.
    let activate = "update users set is_active = true where email = $1";
    assert_eq!(app().await.database().execute(activate, browser.email()).await.unwrap(), 1);
    assert_eq!(browser.clone().get(ME).await.unwrap().code(), "session_ended");
    assert_eq!(app().await.browser_of(browser.email()).await.unwrap().get(ME).await.unwrap().status, 200);
}

#[tokio::test]
async fn what_one_replica_ends_is_over_on_the_other_at_once() {
    let (browser, replica) = (browser().await, replica().await);
    let mut elsewhere = browser.at(replica);
    assert_eq!(elsewhere.get(ME).await.unwrap().status, 200);
    assert_eq!(browser.clone().post("/api/auth/logout").await.unwrap().status, 204);
    let answer = elsewhere.get(ME).await.unwrap();
    assert_eq!((outcome(&answer), answer.cookies().as_str()), (refused("session_ended"), CLEARED));
}

#[tokio::test]
async fn what_an_outer_proxy_sends_in_the_header_is_not_looked_at_where_there_is_a_cookie() {
    let mut browser = browser().await;
    for value in ["Basic YTpi", "basic YTpi", "Negotiate abc", "Basic", ""] {
        let request = browser.from_our_page(Method::GET, "/api/users/me").header("authorization", value);
        assert_eq!(browser.send(request).await.unwrap().status, 200, "{value:?}");
        let anonymous = app().await.anonymous();
        let request = anonymous.request(Method::GET, "/api/users/me").header("authorization", value);
        assert_eq!(anonymous.send(request).await.unwrap().code(), "not_authenticated", "{value:?}");
    }
    let request = browser.from_our_page(Method::POST, "/api/auth/logout").header("authorization", "Basic YTpi");
    assert_eq!(browser.send(request).await.unwrap().status, 204);
}
