//! Known devices and known networks: nobody else can keep an owner out.

use e2e::{Answer, App, Caller};
use reqwest::Method;
use serde_json::json;

use super::{login_from, new_account, new_ip, post_from, strict};

const WRONG: &str = "Wrong-Horse";

/// An address of IPv4 that no other test has.
fn new_ipv4() -> [u8; 4] {
    let [a, b, c, d, ..] = uuid::Uuid::new_v4().into_bytes();
    [11 + a % 80, b, c, d]
}

fn text([a, b, c, d]: [u8; 4]) -> String {
    format!("{a}.{b}.{c}.{d}")
}

async fn sign_in(app: &App, ip: &str, device: &str, email: &str, password: &str) -> Answer {
    let anonymous = app.anonymous();
    let request = anonymous.request(Method::POST, "/api/auth/session").header("x-forwarded-for", ip);
    let request = if device.is_empty() { request } else { request.header("cookie", device) };
    anonymous.send(request.json(&json!({"email": email, "password": password}))).await.unwrap()
}

/// The device cookie that an answer sets, as a browser sends it.
fn device(answer: &Answer) -> String {
    let cookies = answer.headers.get_all("set-cookie").iter().map(|value| value.to_str().unwrap());
    let device = cookies.filter_map(|cookie| cookie.split(';').next()).find(|cookie| cookie.contains("fd_device="));
    device.expect("the answer of a sign-in sets the device cookie").to_owned()
}

/// Attackers on several networks use up what the account allows.
async fn attack(app: &App, email: &str) {
    for _ in 0..20 {
        assert_eq!(login_from(app, &new_ip(), email, WRONG).await.status, 401);
    }
    // Whatever is let through in an interval is theirs.
    let busy = "update rate_limits set count = 1000, last_at = now() + interval '1 hour', expires_at = now() + interval '2 hours'
                where key = rate_limit_key('login.account', $1)";
    assert_eq!(app.database().execute(busy, email).await.unwrap(), 1);
}

#[tokio::test]
async fn an_owner_signs_in_from_a_known_network_whatever_others_try_elsewhere() {
    let app = strict().await;
    let email = new_account(app).await;
    let home = new_ipv4();
    assert_eq!(login_from(app, &text(home), &email, Caller::PASSWORD).await.status, 200);
    attack(app, &email).await;
    let neighbour = [home[0], home[1], home[2], home[3] ^ 1];
    let elsewhere = [home[0], home[1], home[2] ^ 1, home[3]];
    for _ in 0..20 {
        assert_eq!(login_from(app, &text(neighbour), &email, Caller::PASSWORD).await.status, 200);
    }
    assert_eq!(login_from(app, &text(elsewhere), &email, Caller::PASSWORD).await.status, 429);
    // The other limits hold there too.
    for status in [401, 401, 401, 401, 401, 429] {
        assert_eq!(login_from(app, &text(home), &email, WRONG).await.status, status);
    }
    // After 90 days it is a network like any other.
    let long_ago = "update known_networks set seen_at = now() - interval '91 days'
                    where user_id = (select id from users where email = $1)";
    app.database().execute(long_ago, &email).await.unwrap();
    assert_eq!(login_from(app, &text(neighbour), &email, Caller::PASSWORD).await.status, 429);
}

#[tokio::test]
async fn a_known_device_is_held_by_its_own_limit_alone() {
    let app = strict().await;
    let email = new_account(app).await;
    let known = device(&sign_in(app, &new_ip(), "", &email, Caller::PASSWORD).await);
    attack(app, &email).await;
    // The address that it comes from has used up its tries as well.
    let ip = new_ip();
    for _ in 0..30 {
        assert_eq!(login_from(app, &ip, &App::new_email(), WRONG).await.status, 401);
    }
    assert_eq!(login_from(app, &ip, &App::new_email(), WRONG).await.status, 429);
    assert_eq!(sign_in(app, &ip, &known, &email, Caller::PASSWORD).await.status, 200);
    for _ in 0..9 {
        assert_eq!(sign_in(app, &ip, &known, &email, WRONG).await.status, 401);
    }
    // A success is none of the ten.
    assert_eq!(sign_in(app, &ip, &known, &email, Caller::PASSWORD).await.status, 200);
    assert_eq!(sign_in(app, &ip, &known, &email, WRONG).await.status, 401);
    let refused = sign_in(app, &ip, &known, &email, Caller::PASSWORD).await;
    assert_eq!((refused.status.as_u16(), refused.header("ratelimit-limit")), (429, "10"));
    // From another address the success forgives what a strange browser tried there.
    let (home, email) = (new_ip(), new_account(app).await);
    let known = device(&sign_in(app, &home, "", &email, Caller::PASSWORD).await);
    for _ in 0..5 {
        assert_eq!(login_from(app, &home, &email, WRONG).await.status, 401);
    }
    assert_eq!(login_from(app, &home, &email, Caller::PASSWORD).await.status, 429);
    assert_eq!(sign_in(app, &home, &known, &email, Caller::PASSWORD).await.status, 200);
    assert_eq!(login_from(app, &home, &email, Caller::PASSWORD).await.status, 200);
    // A device that is known to somebody else does not count for this account.
    let other = new_account(app).await;
    let others = device(&sign_in(app, &new_ip(), "", &other, Caller::PASSWORD).await);
    attack(app, &email).await;
    assert_eq!(sign_in(app, &new_ip(), &others, &email, Caller::PASSWORD).await.status, 429);
}

#[tokio::test]
async fn a_browser_that_two_people_use_is_known_to_both() {
    let app = strict().await;
    let (ada, grace) = (new_account(app).await, new_account(app).await);
    let first = device(&sign_in(app, &new_ip(), "", &ada, Caller::PASSWORD).await);
    let second = device(&sign_in(app, &new_ip(), &first, &grace, Caller::PASSWORD).await);
    for email in [&ada, &grace] {
        attack(app, email).await;
        assert_eq!(sign_in(app, &new_ip(), &second, email, Caller::PASSWORD).await.status, 200);
        assert_eq!(sign_in(app, &new_ip(), "", email, Caller::PASSWORD).await.status, 429);
    }
}

#[tokio::test]
async fn a_reset_forgets_the_devices_before_it_and_none_after_it() {
    let app = strict().await;
    let email = new_account(app).await;
    for _ in 0..5 {
        let before = device(&sign_in(app, &new_ip(), "", &email, Caller::PASSWORD).await);
        let token = "insert into password_resets (token_hash, user_id, expires_at)
                     select sha256('fdp_token'), id, now() + interval '1 hour' from users where email = $1";
        app.database().execute(token, &email).await.unwrap();
        let body = json!({"token": "fdp_token", "new_password": Caller::PASSWORD});
        assert_eq!(post_from(app, &new_ip(), "/api/auth/password/reset", &body).await.status, 204);
        // In the same second, usually.
        let after = device(&sign_in(app, &new_ip(), "", &email, Caller::PASSWORD).await);
        attack(app, &email).await;
        assert_eq!(sign_in(app, &new_ip(), &after, &email, Caller::PASSWORD).await.status, 200);
        assert_eq!(sign_in(app, &new_ip(), &before, &email, Caller::PASSWORD).await.status, 429);
        let forgive = "delete from rate_limits where key = rate_limit_key('login.account', $1)";
        app.database().execute(forgive, &email).await.unwrap();
    }
}

#[tokio::test]
async fn signing_out_everywhere_forgets_the_devices() {
    let app = strict().await;
    let email = new_account(app).await;
    let signed_in = sign_in(app, &new_ip(), "", &email, Caller::PASSWORD).await;
    let known = device(&signed_in);
    let cookies = signed_in.headers.get_all("set-cookie").iter().map(|value| value.to_str().unwrap());
    let cookies: Vec<_> = cookies.filter_map(|cookie| cookie.split(';').next()).collect();
    let anonymous = app.anonymous();
    let request = anonymous.request(Method::POST, "/api/auth/logout?all=true").header("cookie", cookies.join("; "));
    let signed_out = anonymous.send(request.header("sec-fetch-site", "same-origin")).await.unwrap();
    assert_eq!(signed_out.status, 204, "{signed_out}");
    assert!(signed_out.cookies().contains("__Host-fd_device=;"), "{}", signed_out.cookies());
    attack(app, &email).await;
    assert_eq!(sign_in(app, &new_ip(), &known, &email, Caller::PASSWORD).await.status, 429);
}

#[tokio::test]
async fn behind_a_proxy_that_is_not_trusted_no_network_is_known() {
    let app = crate::app().await;
    let email = App::new_email();
    let body = json!({"email": email, "password": Caller::PASSWORD});
    assert_eq!(app.anonymous().post("/api/auth/register", &body).await.unwrap().status, 201);
    let known = async || {
        let count = "select count(*)::text from known_networks k join users u on u.id = k.user_id where u.email = $1";
        app.database().text(count, &email).await.unwrap()
    };
    assert_eq!(login_from(app, "203.0.113.7", &email, Caller::PASSWORD).await.status, 200);
    assert_eq!(known().await, "0");
    app.sign_in(&email).await.unwrap();
    assert_eq!(known().await, "1");
}

#[tokio::test]
async fn sign_ins_that_succeed_are_limited_by_the_account() {
    let app = strict().await;
    let email = new_account(app).await;
    assert_eq!(login_from(app, &new_ip(), &email, Caller::PASSWORD).await.status, 200);
    // One that fails is not counted.
    assert_eq!(login_from(app, &new_ip(), &email, WRONG).await.status, 401);
    let all_but_one = "update rate_limits set count = count + 598 where key = rate_limit_key('login.success', $1)";
    assert_eq!(app.database().execute(all_but_one, &email).await.unwrap(), 1);
    assert_eq!(login_from(app, &new_ip(), &email, Caller::PASSWORD).await.status, 200);
    let refused = login_from(app, &new_ip(), &email, Caller::PASSWORD).await;
    assert_eq!((refused.status.as_u16(), refused.header("ratelimit-limit")), (429, "600"));
}

#[tokio::test]
async fn refreshes_are_limited_by_the_session() {
    let app = strict().await;
    let email = new_account(app).await;
    let mut token = login_from(app, &new_ip(), &email, Caller::PASSWORD).await.json()["refresh_token"].clone();
    for _ in 0..2 {
        let refreshed = app.anonymous().post("/api/auth/refresh", &json!({"refresh_token": token})).await.unwrap();
        token = refreshed.json()["refresh_token"].clone();
    }
    let session = "select s.id::text from sessions s join users u on u.id = s.user_id where u.email = $1";
    let session = app.database().text(session, &email).await.unwrap();
    let all_but_one = "update rate_limits set count = count + 117 where key = rate_limit_key('refresh.session', $1)";
    assert_eq!(app.database().execute(all_but_one, &session).await.unwrap(), 1);
    let refreshed = app.anonymous().post("/api/auth/refresh", &json!({"refresh_token": token})).await.unwrap();
    assert_eq!(refreshed.status, 200, "{refreshed}");
    let body = json!({"refresh_token": refreshed.json()["refresh_token"]});
    let refused = app.anonymous().post("/api/auth/refresh", &body).await.unwrap();
    assert_eq!((refused.status.as_u16(), refused.header("ratelimit-limit")), (429, "120"));
}

#[tokio::test]
async fn what_a_colleague_tries_on_a_browser_that_two_use_does_not_keep_the_other_out() {
    let app = strict().await;
    let (ada, grace) = (new_account(app).await, new_account(app).await);
    let known = device(&sign_in(app, &new_ip(), "", &ada, Caller::PASSWORD).await);
    let known = device(&sign_in(app, &new_ip(), &known, &grace, Caller::PASSWORD).await);
    for status in [[401; 10], [429; 10]].concat() {
        assert_eq!(sign_in(app, &new_ip(), &known, &ada, WRONG).await.status, status);
    }
    assert_eq!(sign_in(app, &new_ip(), &known, &grace, Caller::PASSWORD).await.status, 200);
}

#[tokio::test]
async fn a_browser_is_known_again_whichever_route_it_signs_in_by() {
    let app = strict().await;
    let email = new_account(app).await;
    let known = device(&sign_in(app, &new_ip(), "", &email, Caller::PASSWORD).await);
    let forget = "delete from known_devices where user_id = (select id from users where email = $1)";
    assert_eq!(app.database().execute(forget, &email).await.unwrap(), 1);
    let login = |ip: String| {
        let anonymous = app.anonymous();
        let request = anonymous.request(Method::POST, "/api/auth/login").header("x-forwarded-for", ip);
        let body = json!({"username": email, "password": Caller::PASSWORD});
        let request = request.header("cookie", &known).json(&body);
        async move { anonymous.send(request).await.unwrap() }
    };
    assert_eq!(login(new_ip()).await.status, 200);
    attack(app, &email).await;
    assert_eq!(login(new_ip()).await.status, 200);
    assert_eq!(sign_in(app, &new_ip(), &known, &email, Caller::PASSWORD).await.status, 200);
}

#[tokio::test]
async fn a_changed_password_forgets_the_other_devices() {
    let app = strict().await;
    let email = new_account(app).await;
    let mine = device(&sign_in(app, &new_ip(), "", &email, Caller::PASSWORD).await);
    let stolen = device(&sign_in(app, &new_ip(), "", &email, Caller::PASSWORD).await);
    let signed_in = login_from(app, &new_ip(), &email, Caller::PASSWORD).await.json();
    let user = app.anonymous().with_token(signed_in["access_token"].as_str().unwrap());
    let body = json!({"current_password": Caller::PASSWORD, "new_password": "Own-Better-Horse"});
    let change = user.request(Method::POST, "/api/auth/password/change").header("cookie", &mine).json(&body);
    assert_eq!(user.send(change).await.unwrap().status, 204);
    attack(app, &email).await;
    assert_eq!(sign_in(app, &new_ip(), &stolen, &email, "Own-Better-Horse").await.status, 429);
    assert_eq!(sign_in(app, &new_ip(), &mine, &email, "Own-Better-Horse").await.status, 200);
}
