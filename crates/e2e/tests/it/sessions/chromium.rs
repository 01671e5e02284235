//! Sessions in Chromium, which keeps cookies, tells origins and remembers pages as browsers do.

use std::time::Duration;

use bytes::Bytes;
use e2e::{App, Caller, Chromium, Proxy, Upstream};
use http::Response;
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use super::other;
use crate::{app, new_person};

/// A page of Frontdesk's own, which may do requests.
const PAGE: &str = "/api/docs";
/// Another one, which may also send forms.
const BARE_PAGE: &str = "/healthz";

/// The name under which people know a Frontdesk behind a proxy, and another site's. Both are reserved (RFC 2606).
const DESK: &str = "desk.example.com";
const EVIL: &str = "evil.example.org";

/// What a page sends and what it learns of the answer.
const SEND: &str = "
    const [method, path, body] = arguments;
    const headers = body === null ? {} : {'content-type': 'application/json'};
    return fetch(path, {method, headers, body: body === null ? null : JSON.stringify(body)})
        .then(async answer => [answer.status, await answer.text()]);";

/// Sends a request from the current page: the status and the body, which is empty or JSON.
async fn send(chromium: &Chromium, method: &str, path: &str, body: Value) -> (u64, Value) {
    let answer = chromium.run(SEND, vec![json!(method), json!(path), body]).await.unwrap();
    let text = answer[1].as_str().unwrap();
    (answer[0].as_u64().unwrap(), if text.is_empty() { Value::Null } else { serde_json::from_str(text).unwrap() })
}

async fn status(chromium: &Chromium, method: &str, path: &str) -> u64 {
    send(chromium, method, path, Value::Null).await.0
}

/// Chromium on a page of Frontdesk's, where somebody new has signed in.
async fn signed_in() -> (Chromium, String) {
    let email = new_person(None).await["email"].as_str().unwrap().to_owned();
    let chromium = Chromium::start().await.unwrap();
    chromium.goto(&page(app().await)).await.unwrap();
    sign_in(&chromium, &email).await;
    (chromium, email)
}

/// Signs in on the current page, which must succeed.
async fn sign_in(chromium: &Chromium, email: &str) {
    let body = json!({"email": email, "password": Caller::PASSWORD});
    let (status, user) = send(chromium, "POST", "/api/auth/session", body).await;
    assert_eq!((status, &user["email"]), (200, &json!(email)), "{user}");
}

/// Has the current page send a form with which somebody would sign in, and waits for what is shown then.
async fn submit_login(chromium: &Chromium, site: &str, email: &str) -> String {
    let action = format!("{site}/api/auth/login");
    let submit = "
        const [action, fields] = arguments;
        const form = document.createElement('form');
        Object.assign(form, {action, method: 'post'});
        for (const [name, value] of Object.entries(fields)) {
            form.append(Object.assign(document.createElement('input'), {name, value}));
        }
        document.body.append(form);
        form.submit();
        return true;";
    let fields = json!({"username": email, "password": Caller::PASSWORD});
    chromium.run(submit, vec![json!(action), fields]).await.unwrap();
    let look = "return [location.href, document.readyState, document.body.innerText];";
    let shown = async {
        loop {
            // Between two pages there is none, which is an error.
            let shown = chromium.run(look, vec![]).await.unwrap_or_default();
            if (&shown[0], &shown[1]) == (&json!(action), &json!("complete")) {
                return shown[2].as_str().unwrap().to_owned();
            }
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(Duration::from_secs(20), shown).await.expect("an answer to the form")
}

/// Another site.
fn elsewhere() -> Upstream {
    Upstream::answering(|_| {
        let page = Bytes::from_static(b"<!doctype html><form method=post><input name=x value=y></form>");
        Response::builder().header("content-type", "text/html").body(page).unwrap()
    })
    .unwrap()
}

fn page(app: &App) -> String {
    format!("{}{PAGE}", app.url())
}

/// What the current tab shows.
async fn shown(chromium: &Chromium) -> String {
    chromium.run("return document.body.innerText", vec![]).await.unwrap().as_str().unwrap().to_owned()
}

#[tokio::test]
async fn who_signs_in_is_signed_in_after_a_reload_and_scripts_see_no_cookie() {
    let (chromium, email) = signed_in().await;
    chromium.reload().await.unwrap();
    let (status, user) = send(&chromium, "GET", "/api/users/me", Value::Null).await;
    assert_eq!((status, &user["email"]), (200, &json!(email)));
    assert_eq!(chromium.run("return document.cookie", vec![]).await.unwrap(), "");
    // Writing takes no header of the page's own.
    assert_eq!(send(&chromium, "PUT", "/api/profile", json!({"job_title": "Clerk"})).await.0, 200);
}

#[tokio::test]
async fn two_tabs_that_refresh_at_once_both_stay_signed_in_with_one_session() {
    let (chromium, _) = signed_in().await;
    let first = chromium.tab().await.unwrap();
    let second = chromium.new_tab().await.unwrap();
    // The second tab has both do it at one moment, and learns from the first how it went.
    let prepare = "
        const refresh = () => fetch('/api/auth/refresh', {method: 'POST'}).then(answer => answer.status);
        const asked = new BroadcastChannel('asked'), done = new BroadcastChannel('done');
        asked.onmessage = async () => done.postMessage(await refresh());
        window.refreshBoth = () => {
            const other = new Promise(resolve => { done.onmessage = message => resolve(message.data); });
            asked.postMessage('at once');
            return Promise.all([refresh(), other]);
        };
        return true;";
    for tab in [&first, &second] {
        chromium.switch_to(tab).await.unwrap();
        chromium.goto(&page(app().await)).await.unwrap();
        chromium.run(prepare, vec![]).await.unwrap();
    }
    for _ in 0..10 {
        assert_eq!(chromium.run("return window.refreshBoth()", vec![]).await.unwrap(), json!([200, 200]));
    }
    for tab in [&first, &second] {
        chromium.switch_to(tab).await.unwrap();
        assert_eq!(status(&chromium, "POST", "/api/auth/refresh").await, 200);
        let (status, sessions) = send(&chromium, "GET", "/api/auth/sessions", Value::Null).await;
        assert_eq!((status, sessions.as_array().unwrap().len()), (200, 1), "{sessions}");
    }
}

#[tokio::test]
async fn signing_out_in_one_tab_signs_the_other_out_and_the_back_button_shows_nothing() {
    let (chromium, email) = signed_in().await;
    let first = chromium.tab().await.unwrap();
    let second = chromium.new_tab().await.unwrap();
    chromium.switch_to(&second).await.unwrap();
    chromium.goto(&page(app().await)).await.unwrap();
    chromium.switch_to(&first).await.unwrap();
    chromium.goto(&format!("{}/api/users/me", app().await.url())).await.unwrap();
    assert!(shown(&chromium).await.contains(&email));
    chromium.goto(&page(app().await)).await.unwrap();
    assert_eq!(status(&chromium, "POST", "/api/auth/logout").await, 204);
    chromium.back().await.unwrap();
    let shown = shown(&chromium).await;
    assert!(shown.contains("not_authenticated") && !shown.contains(&email), "{shown}");
    chromium.switch_to(&second).await.unwrap();
    assert_eq!(status(&chromium, "GET", "/api/users/me").await, 401);
    assert_eq!(status(&chromium, "POST", "/api/auth/refresh").await, 401);
}

#[tokio::test]
async fn a_page_of_another_port_can_not_act_for_who_is_signed_in() {
    let (chromium, _) = signed_in().await;
    // Cookies know no ports: to them this is the same site, and only where the request comes from tells.
    let elsewhere = elsewhere();
    chromium.goto(&elsewhere.origin()).await.unwrap();
    let submit = "const form = document.forms[0]; form.action = arguments[0]; form.submit(); return true;";
    let logout = format!("{}/api/auth/logout", app().await.url());
    chromium.run(submit, vec![json!(logout)]).await.unwrap();
    let answer = chromium.run("return document.body.innerText", vec![]).await.unwrap();
    assert!(answer.as_str().unwrap().contains("csrf"), "{answer}");
    chromium.goto(&page(app().await)).await.unwrap();
    assert_eq!(status(&chromium, "GET", "/api/users/me").await, 200);
}

#[tokio::test]
async fn behind_a_proxy_that_changes_the_host_people_sign_in_over_plain_http() {
    let app = App::builder().variable("cookie_secure", "false").start().await.unwrap();
    let email = app.user().await.unwrap().email;
    let proxy = Proxy::before(app.url()).await.unwrap();
    let site = format!("http://{DESK}:{}", proxy.port());
    let chromium = Chromium::start_with_hosts(&[DESK]).await.unwrap();
    chromium.goto(&format!("{site}{BARE_PAGE}")).await.unwrap();
    sign_in(&chromium, &email).await;
    assert_eq!(status(&chromium, "GET", "/api/users/me").await, 200);
    // Over plain http a browser does not say `same-origin`, and the host is not the one that it knows: what a cookie may change there,
    // only `public_origins` can tell. That this is refused also shows that signing in was let through without that word.
    let (status, refusal) = send(&chromium, "PUT", "/api/profile", json!({})).await;
    assert_eq!((status, &refusal["code"]), (403, &json!("csrf")));
    let shown = submit_login(&chromium, &site, &email).await;
    assert!(shown.contains("access_token"), "{shown}");
    app.stop().await.unwrap();
}

#[tokio::test]
async fn behind_a_development_proxy_on_localhost_people_sign_in_and_change_things() {
    let email = new_person(None).await["email"].as_str().unwrap().to_owned();
    let proxy = Proxy::before(app().await.url()).await.unwrap();
    let chromium = Chromium::start().await.unwrap();
    chromium.goto(&format!("http://localhost:{}{PAGE}", proxy.port())).await.unwrap();
    sign_in(&chromium, &email).await;
    let (status, profile) = send(&chromium, "PUT", "/api/profile", json!({"job_title": "Clerk"})).await;
    assert_eq!((status, &profile["job_title"]), (200, &json!("Clerk")), "{profile}");
}

#[tokio::test]
async fn a_form_of_another_site_signs_nobody_in() {
    let email = new_person(None).await["email"].as_str().unwrap().to_owned();
    let proxy = Proxy::before(app().await.url()).await.unwrap();
    let (elsewhere, chromium) = (elsewhere(), Chromium::start().await.unwrap());
    // From 127.0.0.1, localhost is another site, and another port of 127.0.0.1 the same site.
    for site in [format!("http://localhost:{}", proxy.port()), app().await.url().to_owned()] {
        chromium.goto(&elsewhere.origin()).await.unwrap();
        let shown = submit_login(&chromium, &site, &email).await;
        assert!(shown.contains("\"csrf\"") && !shown.contains("access_token"), "{shown}");
    }
}

#[tokio::test]
async fn a_form_of_another_site_signs_nobody_in_over_plain_http_where_public_origins_are_given() {
    let app = other().await;
    let email = app.user().await.unwrap().email;
    let proxy = Proxy::before(app.url()).await.unwrap();
    let (elsewhere, chromium) = (elsewhere(), Chromium::start_with_hosts(&[DESK, EVIL]).await.unwrap());
    chromium.goto(&elsewhere.origin().replace("127.0.0.1", EVIL)).await.unwrap();
    let shown = submit_login(&chromium, &format!("http://{DESK}:{}", proxy.port()), &email).await;
    assert!(shown.contains("\"csrf\"") && !shown.contains("access_token"), "{shown}");
}
