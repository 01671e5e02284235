//! Requests that pages of other sites have a browser send, with its cookies.

use e2e::{App, Browser};
use insta::assert_snapshot;
use reqwest::{Method, RequestBuilder};
use serde_json::json;
use uuid::Uuid;

use super::other;
use crate::app;

const REFRESH: &str = "/api/auth/refresh";

type Headers = Vec<(&'static str, String)>;

fn with(request: RequestBuilder, headers: &Headers) -> RequestBuilder {
    headers.iter().fold(request, |request, (name, value)| request.header(*name, value))
}

/// Sends what changes something in every way that a route can take a cookie, and says whether it got through: to all or to none.
async fn passes(app: &App, headers: &Headers) -> bool {
    let mut browser = app.browser().await.unwrap();
    let mut statuses = Vec::new();
    for (method, path, passed) in [
        (Method::PUT, "/api/profile".to_owned(), 200),
        (Method::DELETE, format!("/api/auth/sessions/{}", Uuid::new_v4()), 404),
        // Nothing answers there.
        (Method::POST, "/api/documents/report.pdf".to_owned(), 502),
        (Method::DELETE, "/api/documents/report.pdf".to_owned(), 502),
        (Method::POST, "/api/auth/refresh".to_owned(), 200),
        (Method::POST, "/api/auth/logout".to_owned(), 204),
    ] {
        let request = with(browser.request(method.clone(), &path), headers);
        let request = if method == Method::PUT { request.json(&json!({})) } else { request };
        let answer = browser.send(request).await.unwrap();
        let is_refused =
            (answer.status.as_u16(), answer.code().as_str(), answer.cookies().as_str()) == (403, "csrf", "");
        assert!(is_refused || answer.status == passed, "{method} {path} with {headers:?}: {answer}");
        statuses.push(is_refused);
    }
    assert!(statuses.iter().all(|is_refused| *is_refused == statuses[0]), "{headers:?}: {statuses:?}");
    // What was refused has changed nothing.
    let status = if statuses[0] { 200 } else { 401 };
    assert_eq!(browser.get("/api/users/me").await.unwrap().status, status);
    !statuses[0]
}

fn headers(pairs: &[(&'static str, &str)]) -> Headers {
    pairs.iter().map(|(name, value)| (*name, (*value).to_owned())).collect()
}

#[tokio::test]
async fn a_page_of_another_site_can_change_nothing_with_our_cookies() {
    let app = app().await;
    let own = app.url();
    for pairs in [
        &[][..],
        &[("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-site")],
        &[("sec-fetch-site", "none")],
        &[("sec-fetch-site", "")],
        &[("sec-fetch-site", "cross-site"), ("origin", own)],
        &[("sec-fetch-site", "same-origin"), ("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-origin"), ("origin", own), ("origin", own)],
        &[("origin", "null")],
        &[("origin", "https://elsewhere.example")],
        &[("origin", "http://127.0.0.1")],
        &[("origin", "http://127.0.0.1:1")],
        &[("origin", own), ("origin", "https://elsewhere.example")],
        &[("referer", own)],
    ] {
        assert!(!passes(app, &headers(pairs)).await, "{pairs:?} passed");
    }
}

#[tokio::test]
async fn a_form_of_another_site_is_refused_for_that_before_its_body_is() {
    let browser = app().await.browser().await.unwrap();
    for path in ["/api/auth/refresh", "/api/auth/logout", "/api/auth/password/change"] {
        let request = browser.request(Method::POST, path).header("sec-fetch-site", "cross-site");
        let form = request.header("content-type", "application/x-www-form-urlencoded").body("x=y");
        let answer = browser.clone().send(form).await.unwrap();
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (403, "csrf"), "{path}");
    }
}

#[tokio::test]
async fn a_page_of_ours_can() {
    let app = app().await;
    let own = app.url();
    for pairs in [
        &[("sec-fetch-site", "same-origin")][..],
        &[("sec-fetch-site", "same-origin"), ("origin", own)],
        &[("sec-fetch-site", "same-origin"), ("origin", "https://desk.example.com")],
        &[("origin", own)],
        &[("origin", &own.replace("http://", "https://"))],
    ] {
        assert!(passes(app, &headers(pairs)).await, "{pairs:?} was refused");
    }
}

#[tokio::test]
async fn where_public_origins_are_given_they_are_ours_and_no_others() {
    let app = other().await;
    for (origin, is_ours) in [
        ("https://desk.example.com", true),
        ("HTTPS://Desk.Example.com", true),
        ("https://desk.example.com:443", true),
        ("http://localhost:5173", true),
        ("http://desk.example.com", false),
        ("https://desk.example.com:8443", false),
        ("https://desk.example.com.elsewhere.example", false),
        ("null", false),
        (app.url(), false),
    ] {
        assert_eq!(passes(app, &headers(&[("origin", origin)])).await, is_ours, "{origin}");
    }
    assert!(passes(app, &headers(&[("sec-fetch-site", "same-origin")])).await);
    // A listed origin is ours whatever the browser calls it: an interface on another site, say.
    assert!(passes(app, &headers(&[("sec-fetch-site", "cross-site"), ("origin", "https://desk.example.com")])).await);
    assert!(!passes(app, &headers(&[("sec-fetch-site", "cross-site"), ("origin", "https://elsewhere.example")])).await);
}

#[tokio::test]
async fn a_refusal_says_what_it_is() {
    let mut browser = app().await.browser().await.unwrap();
    let request = browser.request(Method::PUT, "/api/profile").header("sec-fetch-site", "cross-site").json(&json!({}));
    assert_snapshot!(browser.send(request).await.unwrap(), @r#"
    403 {
      "code": "csrf",
      "detail": "This was not sent by a page of this site",
      "request_id": "[uuid]"
    }
    "#);
}

#[tokio::test]
async fn who_only_reads_is_not_asked() {
    let mut browser = app().await.browser().await.unwrap();
    for headers in [headers(&[]), headers(&[("sec-fetch-site", "cross-site"), ("origin", "https://elsewhere.example")])]
    {
        for path in ["/api/users/me", "/api/profile", "/api/auth/sessions"] {
            let request = with(browser.request(Method::GET, path), &headers);
            assert_eq!(browser.send(request).await.unwrap().status, 200, "{path}");
        }
    }
}

#[tokio::test]
async fn who_sends_the_token_in_a_header_is_not_asked() {
    let mut browser = app().await.browser().await.unwrap();
    let user = app().await.user().await.unwrap();
    for headers in [headers(&[]), headers(&[("sec-fetch-site", "cross-site"), ("origin", "https://elsewhere.example")])]
    {
        // Nor when cookies are there too: the header is what counts.
        for request in [user.request(Method::PUT, "/api/profile"), with_header(&browser, &user.token)] {
            let answer = browser.send(with(request, &headers).json(&json!({}))).await.unwrap();
            assert_eq!(answer.status, 200, "{headers:?}: {answer}");
        }
    }
}

#[tokio::test]
async fn a_refresh_token_in_the_body_is_good_from_no_page_of_another_site() {
    let app = app().await;
    let mut browser = app.browser().await.unwrap();
    let body = json!({"refresh_token": browser.cookie(super::REFRESH)});
    // Whether a cookie is there too or not: the token in the body is what counts.
    for request in [app.anonymous().request(Method::POST, REFRESH), browser.request(Method::POST, REFRESH)] {
        let answer = browser.send(request.header("sec-fetch-site", "cross-site").json(&body)).await.unwrap();
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (403, "csrf"), "{answer}");
    }
    // With a token in the body nothing needs to say that a page of ours sent it.
    let request = browser.request(Method::POST, REFRESH).json(&body);
    assert_eq!(browser.send(request).await.unwrap().status, 200);
}

fn with_header(browser: &Browser, token: &str) -> RequestBuilder {
    browser.request(Method::PUT, "/api/profile").bearer_auth(token)
}

#[tokio::test]
async fn who_is_not_signed_in_is_told_that_first() {
    let browser = app().await.browser().await.unwrap().with_cookie(super::ACCESS, "nonsense");
    let browser = browser.with_cookie(super::REFRESH, "nonsense");
    for path in ["/api/auth/logout", "/api/documents/report.pdf"] {
        let request = browser.request(Method::POST, path).header("sec-fetch-site", "cross-site");
        let answer = browser.clone().send(request).await.unwrap();
        assert_eq!((answer.code().as_str(), answer.cookies().as_str()), ("invalid_token", ""));
    }
}

/// What people who are not signed in may send, with a body that is wrong, and the code that this has where the page is right.
const ANONYMOUS: [(&str, &str); 6] = [
    ("/api/auth/login", "validation_error"),
    ("/api/auth/session", "validation_error"),
    ("/api/auth/register", "validation_error"),
    ("/api/auth/password/forgot", "validation_error"),
    ("/api/auth/password/reset", "validation_error"),
    (REFRESH, "invalid_token"),
];

/// Sends each of them, and says whether it got through: all or none.
async fn anonymous_passes(app: &App, headers: &Headers) -> bool {
    let anonymous = app.anonymous();
    let mut refusals = Vec::new();
    for (path, passed) in ANONYMOUS {
        let body = if path == REFRESH { json!({"refresh_token": "nonsense"}) } else { json!({}) };
        let answer = anonymous.send(with(anonymous.request(Method::POST, path), headers).json(&body)).await.unwrap();
        let is_refused = (answer.status.as_u16(), answer.code().as_str()) == (403, "csrf");
        assert!(is_refused || answer.code() == passed, "{path} with {headers:?}: {answer}");
        refusals.push(is_refused);
    }
    assert!(refusals.iter().all(|is_refused| *is_refused == refusals[0]), "{headers:?}: {refusals:?}");
    !refusals[0]
}

#[tokio::test]
async fn a_page_of_another_site_signs_nobody_in() {
    let app = app().await;
    let own = app.url();
    for pairs in [
        &[("sec-fetch-site", "cross-site")][..],
        &[("sec-fetch-site", "same-site")],
        &[("sec-fetch-site", "cross-site"), ("origin", own)],
        &[("sec-fetch-site", "same-origin"), ("sec-fetch-site", "same-origin")],
        &[("origin", own), ("origin", own)],
    ] {
        assert!(!anonymous_passes(app, &headers(pairs)).await, "{pairs:?} passed");
    }
    for pairs in [
        &[][..],
        &[("sec-fetch-site", "none")],
        &[("sec-fetch-site", "same-origin")],
        &[("sec-fetch-site", "same-origin"), ("origin", "http://localhost:5173")],
        // A proxy may have changed the host that was asked for.
        &[("origin", "https://desk.example.com")],
        &[("origin", own)],
    ] {
        assert!(anonymous_passes(app, &headers(pairs)).await, "{pairs:?} was refused");
    }
}

#[tokio::test]
async fn where_public_origins_are_given_nobody_signs_in_from_another_one() {
    let app = other().await;
    let (listed, other) = (("origin", "https://desk.example.com"), ("origin", "https://elsewhere.example"));
    for pairs in [
        &[][..],
        &[("sec-fetch-site", "none")],
        &[listed],
        &[listed, ("sec-fetch-site", "cross-site")],
        &[listed, ("sec-fetch-site", "same-site")],
        &[other, ("sec-fetch-site", "same-origin")],
        &[other, ("sec-fetch-site", "none")],
    ] {
        assert!(anonymous_passes(app, &headers(pairs)).await, "{pairs:?} was refused");
    }
    for pairs in
        [&[other][..], &[other, ("sec-fetch-site", "cross-site")], &[("origin", "null")], &[("origin", app.url())]]
    {
        assert!(!anonymous_passes(app, &headers(pairs)).await, "{pairs:?} passed");
    }
}

#[tokio::test]
async fn a_form_of_another_site_is_refused_before_anything_else_that_is_wrong_with_it() {
    let app = app().await;
    let closed = app.replica_with("registration", "closed").unwrap();
    let anonymous = app.anonymous();
    for caller in [&anonymous, &anonymous.at(&closed)] {
        for (path, _) in ANONYMOUS {
            for kind in ["application/x-www-form-urlencoded", "text/plain", "application/json"] {
                let request = caller.request(Method::POST, path).header("sec-fetch-site", "cross-site");
                let answer = caller.send(request.header("content-type", kind).body("{")).await.unwrap();
                assert_eq!((answer.status.as_u16(), answer.code().as_str()), (403, "csrf"), "{path}: {answer}");
            }
        }
    }
}

#[tokio::test]
async fn the_own_host_is_what_a_trusted_proxy_says_we_were_called() {
    let app = App::builder().variable("trusted_proxies", "127.0.0.1").start().await.unwrap();
    let said = ("x-forwarded-host", "desk.example.com, inner.example.com");
    for origin in ["https://desk.example.com", "https://desk.example.com:443"] {
        assert!(passes(&app, &headers(&[said, ("origin", origin)])).await, "{origin}");
    }
    for origin in ["https://inner.example.com", app.url(), "https://evil.example"] {
        assert!(!passes(&app, &headers(&[said, ("origin", origin)])).await, "{origin}");
    }
    app.stop().await.unwrap();
    // Of anybody else it is not believed.
    let app = crate::app().await;
    assert!(!passes(app, &headers(&[said, ("origin", "https://desk.example.com")])).await);
}
