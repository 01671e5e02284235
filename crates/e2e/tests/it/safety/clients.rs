//! Where a request comes from.

use e2e::{App, Caller};
use insta::assert_snapshot;
use reqwest::Method;
use serde_json::json;

use super::{new_account, new_ip, strict};
use crate::app;

/// The address that the newest session of an account was begun from.
async fn address_of_login(app: &App, email: &str, headers: &[(&str, &str)]) -> String {
    let anonymous = app.anonymous();
    let body = json!({"username": email, "password": Caller::PASSWORD});
    let request = anonymous.request(Method::POST, "/api/auth/login").json(&body);
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    assert_eq!(anonymous.send(request).await.unwrap().status, 200);
    let newest = "select ip from sessions where user_id = (select id from users where email = $1)
                  order by created_at desc limit 1";
    app.database().text(newest, email).await.unwrap()
}

#[tokio::test]
async fn nobody_says_of_themselves_where_they_come_from() {
    let app = app().await;
    let email = app.user().await.unwrap().email;
    for headers in [
        [("x-forwarded-for", "6.6.6.6"), ("spin-client-addr", "6.6.6.6:1")],
        [("forwarded", "for=6.6.6.6"), ("x-real-ip", "6.6.6.6")],
    ] {
        assert_eq!(address_of_login(app, &email, &headers).await, "127.0.0.1");
    }
}

#[tokio::test]
async fn a_trusted_proxy_says_it_and_nobody_before_it() {
    let app = strict().await;
    let email = new_account(app).await;
    let ip = new_ip();
    let (spoofed, port) = (format!("6.6.6.6, {ip}"), format!("6.6.6.6, [{ip}]:4711"));
    for forwarded in [ip.as_str(), &spoofed, &port] {
        let headers = [("spin-client-addr", "6.6.6.6:1"), ("x-forwarded-for", forwarded)];
        assert_eq!(address_of_login(app, &email, &headers).await, ip, "{forwarded}");
    }
}

#[tokio::test]
async fn empty_elements_of_what_proxies_say_are_skipped() {
    let app = strict().await;
    let email = new_account(app).await;
    let ip = new_ip();
    for lines in [[format!(",{ip},"), String::new()], [format!("6.6.6.6,, {ip} ,"), " ,".to_owned()]] {
        let headers = [("x-forwarded-for", lines[0].as_str()), ("x-forwarded-for", lines[1].as_str())];
        assert_eq!(address_of_login(app, &email, &headers).await, ip, "{lines:?}");
    }
}

#[tokio::test]
async fn a_proxy_that_is_not_trusted_is_reported_once_in_the_log_and_by_readyz() {
    let app = App::start().await.unwrap();
    let email = app.user().await.unwrap().email;
    let warnings = || app.log().iter().filter(|line| line.contains("127.0.0.1 sends x-forwarded-for")).count();
    assert_eq!(address_of_login(&app, &email, &[]).await, "127.0.0.1");
    assert_eq!(warnings(), 0);
    for _ in 0..3 {
        assert_eq!(address_of_login(&app, &email, &[("x-forwarded-for", "203.0.113.7")]).await, "127.0.0.1");
    }
    let answer = app.anonymous().get("/readyz").await.unwrap();
    app.log_through(&answer).unwrap();
    assert_eq!(warnings(), 1, "{:?}", app.log());
    assert_snapshot!(answer, @r#"
    200 {
      "status": "ok",
      "warnings": [
        "trusted_proxies: a proxy that is not among them, or a visitor's own, sends x-forwarded-for: all who come through it count as one client; the log of sign-ins names it"
      ]
    }
    "#);
    let networks = "select count(*)::text from known_networks where user_id = (select id from users where email = $1)";
    // The first sign-in came straight.
    assert_eq!(app.database().text(networks, &email).await.unwrap(), "1");
    app.stop().await.unwrap();
}
