//! How often something may be tried.

use e2e::{App, Caller};
use futures::future::join_all;
use insta::assert_snapshot;
use reqwest::Method;
use serde_json::json;

use super::{login_from, new_account, new_ip, post_from, strict};

const WRONG: &str = "Wrong-Horse";

#[tokio::test]
async fn five_wrong_passwords_from_one_address_are_enough_for_a_while() {
    let app = strict().await;
    let (email, ip) = (new_account(app).await, new_ip());
    for _ in 0..5 {
        assert_eq!(login_from(app, &ip, &email, WRONG).await.code(), "invalid_credentials");
    }
    // The right one is not looked at either.
    let refused = login_from(app, &ip, &email, Caller::PASSWORD).await;
    assert_snapshot!(refused, @r#"
    429 {
      "code": "rate_limited",
      "detail": "Too many tries: please wait",
      "request_id": "[uuid]"
    }
    "#);
    let number = |name: &str| refused.header(name).parse::<u32>().unwrap();
    assert_eq!((number("ratelimit-limit"), number("ratelimit-remaining")), (5, 0));
    assert_eq!(number("ratelimit-reset"), number("retry-after"));
    assert!((890..=900).contains(&number("retry-after")), "{}", number("retry-after"));
    // Another address is not held up, nor another account.
    assert_eq!(login_from(app, &new_ip(), &email, Caller::PASSWORD).await.status, 200);
    assert_eq!(login_from(app, &ip, &new_account(app).await, Caller::PASSWORD).await.status, 200);
    // When the time is over it may be tried again.
    let past = "update rate_limits set expires_at = now() where key = rate_limit_key('login.account_and_ip', $1)";
    let [a, b, c, d, ..] = ip.split(':').collect::<Vec<_>>()[..] else { panic!("{ip}") };
    let network: std::net::Ipv6Addr = format!("{a}:{b}:{c}:{d}::").parse().unwrap();
    assert_eq!(app.database().execute(past, &format!("{email} {network}/64")).await.unwrap(), 1);
    assert_eq!(login_from(app, &ip, &email, Caller::PASSWORD).await.status, 200);
}

#[tokio::test]
async fn an_address_that_is_no_account_is_limited_like_one() {
    let app = strict().await;
    let (email, ip) = (App::new_email(), new_ip());
    for status in [401, 401, 401, 401, 401, 429] {
        assert_eq!(login_from(app, &ip, &email, WRONG).await.status, status);
    }
}

#[tokio::test]
async fn a_success_forgives_what_failed_before() {
    let app = strict().await;
    let (email, ip) = (new_account(app).await, new_ip());
    for _ in 0..9 {
        for _ in 0..2 {
            assert_eq!(login_from(app, &ip, &email, WRONG).await.status, 401);
        }
        assert_eq!(login_from(app, &ip, &email, Caller::PASSWORD).await.status, 200);
    }
    // It was not forgiven where it did not succeed: 18 failures came from here.
    for status in [[401, 401, 401, 401, 401, 429], [401, 401, 401, 401, 401, 429], [401, 401, 429, 429, 429, 429]] {
        let other = App::new_email();
        for status in status {
            assert_eq!(login_from(app, &ip, &other, WRONG).await.status, status);
        }
    }
}

#[tokio::test]
async fn thirty_failures_from_one_network_are_enough_whatever_the_account() {
    let app = strict().await;
    let ips = ["2001:db8:7:7::1", "2001:db8:7:7:ffff::2"];
    for at in 0..30 {
        assert_eq!(login_from(app, ips[at % 2], &App::new_email(), WRONG).await.status, 401);
    }
    let refused = login_from(app, ips[0], &new_account(app).await, Caller::PASSWORD).await;
    assert_eq!((refused.status.as_u16(), refused.header("ratelimit-limit")), (429, "30"));
    // What is no address is counted too, by where it comes from.
    assert_eq!(login_from(app, ips[1], "nonsense", WRONG).await.status, 429);
    assert_eq!(login_from(app, "2001:db8:7:8::1", &new_account(app).await, Caller::PASSWORD).await.status, 200);
}

#[tokio::test]
async fn nobody_can_lock_an_owner_out_from_many_addresses() {
    let app = strict().await;
    let (email, home) = (new_account(app).await, new_ip());
    let body = json!({"email": email, "password": Caller::PASSWORD});
    let known = post_from(app, &home, "/api/auth/session", &body).await;
    assert_eq!(known.status, 200, "{known}");
    let cookies: Vec<_> = known.headers.get_all("set-cookie").iter().map(|value| value.to_str().unwrap()).collect();
    let device = cookies.iter().find(|cookie| cookie.contains("fd_device=")).unwrap();
    let device = device.split(';').next().unwrap();
    for _ in 0..20 {
        assert_eq!(login_from(app, &new_ip(), &email, WRONG).await.status, 401);
    }
    let refused = login_from(app, &new_ip(), &email, Caller::PASSWORD).await;
    assert_eq!((refused.status.as_u16(), refused.header("ratelimit-limit")), (429, "20"));
    // One try is let through after a second, then after two, and so on.
    let seconds: u32 = refused.header("retry-after").parse().unwrap();
    assert_eq!(seconds, 1);
    // The owner's own device is not held up.
    let anonymous = app.anonymous();
    let request = anonymous.request(Method::POST, "/api/auth/session").header("cookie", device);
    let answer = anonymous.send(request.header("x-forwarded-for", new_ip()).json(&body)).await.unwrap();
    assert_eq!(answer.status, 200, "{answer}");
    // It is one like any other once all sessions were ended: whoever had it may have been the reason.
    let ended = "update users set sessions_ended_at = now() where email = $1";
    app.database().execute(ended, &email).await.unwrap();
    let busy = "update rate_limits set count = 1000, last_at = now() where key = rate_limit_key('login.account', $1)";
    assert_eq!(app.database().execute(busy, &email).await.unwrap(), 1);
    let request = anonymous.request(Method::POST, "/api/auth/session").header("cookie", device);
    let answer = anonymous.send(request.header("x-forwarded-for", new_ip()).json(&body)).await.unwrap();
    assert_eq!(answer.status, 429, "{answer}");
    // Nor is anybody for longer than a minute, or half of it where nobody has failed.
    let wait = async |seconds: u32| {
        let later =
            "update rate_limits set count = 1000, last_at = now() - split_part($1, ' ', 2)::int * interval '1 second'
                     where key = rate_limit_key('login.account', split_part($1, ' ', 1))";
        assert_eq!(app.database().execute(later, &format!("{email} {seconds}")).await.unwrap(), 1);
    };
    let stranger = new_ip();
    wait(61).await;
    assert_eq!(login_from(app, &stranger, &email, WRONG).await.status, 401);
    wait(20).await;
    assert_eq!(login_from(app, &new_ip(), &email, Caller::PASSWORD).await.status, 429);
    // However often the one who has failed tries, it is another's turn, also when the failure no longer counts for other limits.
    let forgotten = "update rate_limits set expires_at = now() where key = rate_limit_key('login.account_and_ip', $1)";
    let network = stranger.split(':').take(4).collect::<Vec<_>>().join(":") + "::/64";
    assert_eq!(app.database().execute(forgotten, &format!("{email} {network}")).await.unwrap(), 1);
    wait(31).await;
    for _ in 0..3 {
        assert_eq!(login_from(app, &stranger, &email, WRONG).await.status, 429);
    }
    assert_eq!(login_from(app, &new_ip(), &email, Caller::PASSWORD).await.status, 200);
}

#[tokio::test]
async fn of_ipv6_a_site_that_fails_again_and_again_waits_as_an_address_does() {
    let app = strict().await;
    let email = new_account(app).await;
    let [a, b, ..] = uuid::Uuid::new_v4().into_bytes();
    let address = |network: u8| format!("2001:db8:{a:x}{b:02x}:{network}::1");
    for _ in 0..20 {
        assert_eq!(login_from(app, &new_ip(), &email, WRONG).await.status, 401);
    }
    let mut answers = Vec::new();
    for network in 1..=12 {
        let later = "update rate_limits set count = 1000, last_at = now() - interval '35 seconds'
                     where key = rate_limit_key('login.account', $1)";
        assert_eq!(app.database().execute(later, &email).await.unwrap(), 1);
        answers.push(login_from(app, &address(network), &email, WRONG).await.status.as_u16());
    }
    // What one network of it may do does not count against its neighbours.
    assert_eq!(answers, [401, 401, 401, 401, 401, 401, 401, 429, 429, 429, 429, 429]);
    assert_eq!(login_from(app, &new_ip(), &email, Caller::PASSWORD).await.status, 200);
}

#[tokio::test]
async fn tries_at_the_same_moment_are_counted_one_by_one_by_all_replicas() {
    let app = strict().await;
    let replica = app.replica().unwrap();
    let (email, ip) = (new_account(app).await, new_ip());
    let tries = (0..20).map(|at| {
        let anonymous = if at % 2 == 0 { app.anonymous() } else { app.anonymous().at(&replica) };
        let body = json!({"username": email, "password": WRONG});
        let request = anonymous.request(Method::POST, "/api/auth/login").header("x-forwarded-for", &ip).json(&body);
        async move { anonymous.send(request).await.unwrap().status.as_u16() }
    });
    let statuses = join_all(tries).await;
    assert_eq!(statuses.iter().filter(|status| **status == 401).count(), 5, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 429).count(), 15, "{statuses:?}");
}

#[tokio::test]
async fn registrations_are_limited_by_where_they_come_from_and_by_address() {
    let app = strict().await;
    let ip = new_ip();
    let register = |ip: String, email: String| async move {
        post_from(app, &ip, "/api/auth/register", &json!({"email": email, "password": Caller::PASSWORD})).await
    };
    for _ in 0..10 {
        assert_eq!(register(ip.clone(), App::new_email()).await.status, 201);
    }
    assert_eq!(register(ip.clone(), App::new_email()).await.code(), "rate_limited");
    let email = App::new_email();
    for status in [201, 409, 409, 429] {
        assert_eq!(register(new_ip(), email.clone()).await.status, status);
    }
    // What is refused for its form does not count.
    let refused = post_from(app, &ip, "/api/auth/register", &json!({"email": "x", "password": "y"})).await;
    assert_eq!(refused.status, 422);
}

#[tokio::test]
async fn a_scale_multiplies_every_limit() {
    let app = App::builder().variable("rate_limit_scale", "0.4").variable("trusted_proxies", "127.0.0.1");
    let app = app.start().await.unwrap();
    let (email, ip) = (new_account(&app).await, new_ip());
    for status in [401, 401, 429] {
        assert_eq!(login_from(&app, &ip, &email, WRONG).await.status, status);
    }
    app.stop().await.unwrap();
}

#[tokio::test]
async fn who_is_refused_does_not_fill_the_table() {
    let app = App::builder().variable("rate_limit_scale", "0.001").variable("trusted_proxies", "127.0.0.1");
    let app = app.start().await.unwrap();
    let ip = new_ip();
    assert_eq!(login_from(&app, &ip, &App::new_email(), WRONG).await.status, 401);
    let rows = || app.database().text("select count(*)::text from rate_limits where $1 = ''", "");
    let before = rows().await.unwrap();
    for _ in 0..5 {
        assert_eq!(login_from(&app, &ip, &App::new_email(), WRONG).await.status, 429);
    }
    assert_eq!(rows().await.unwrap(), before);
    app.stop().await.unwrap();
}

#[tokio::test]
async fn forms_of_another_site_do_not_use_up_what_a_visitor_may_try() {
    let app = strict().await;
    let (email, ip, anonymous) = (new_account(app).await, new_ip(), app.anonymous());
    let form = format!("username={}&password={WRONG}", email.replace('@', "%40"));
    let send_forms = || async {
        for path in ["/api/auth/login", "/api/auth/session", "/api/auth/register", "/api/auth/password/forgot"] {
            for _ in 0..10 {
                let request = anonymous.request(Method::POST, path).header("x-forwarded-for", &ip);
                let request = request.header("sec-fetch-site", "cross-site").header("origin", "https://evil.example");
                let form = request.header("content-type", "application/x-www-form-urlencoded").body(form.clone());
                let answer = anonymous.send(form).await.unwrap();
                assert_eq!((answer.status.as_u16(), answer.code().as_str()), (403, "csrf"), "{path}");
            }
        }
    };
    send_forms().await;
    assert_eq!(login_from(app, &ip, &email, Caller::PASSWORD).await.status, 200);
    send_forms().await;
    // The visitor's own five are all left.
    for status in [401, 401, 401, 401, 401, 429] {
        assert_eq!(login_from(app, &ip, &email, WRONG).await.status, status);
    }
    let account = json!({"email": App::new_email(), "password": Caller::PASSWORD});
    assert_eq!(post_from(app, &ip, "/api/auth/register", &account).await.status, 201);
}

#[tokio::test]
async fn networks_of_one_site_together_have_sixteen_times_the_limit_of_one() {
    let app = App::builder().variable("rate_limit_scale", "0.001").variable("trusted_proxies", "127.0.0.1");
    let app = app.start().await.unwrap();
    let site = new_ip().split(':').take(3).collect::<Vec<_>>().join(":");
    let from = |network: u32| format!("{site}:{network:x}::1");
    for network in 0..16 {
        assert_eq!(login_from(&app, &from(network), &App::new_email(), WRONG).await.status, 401, "{network}");
    }
    assert_eq!(login_from(&app, &from(16), &App::new_email(), WRONG).await.code(), "rate_limited");
    assert_eq!(login_from(&app, &new_ip(), &App::new_email(), WRONG).await.status, 401);
    app.stop().await.unwrap();
}

#[tokio::test]
async fn who_signs_in_uses_up_nothing_of_what_their_site_may_try() {
    let app = App::builder().variable("rate_limit_scale", "0.1").variable("trusted_proxies", "127.0.0.1");
    let app = app.start().await.unwrap();
    let email = new_account(&app).await;
    let tried = "select coalesce(sum(count), 0)::text from rate_limits where key like $1 || ':%' and count > 0";
    for kind in ["login.ip.site", "login.account_and_ip.site"] {
        assert_eq!(login_from(&app, &new_ip(), &email, Caller::PASSWORD).await.status, 200);
        assert_eq!(app.database().text(tried, kind).await.unwrap(), "0", "{kind}");
    }
    assert_eq!(login_from(&app, &new_ip(), &email, WRONG).await.status, 401);
    for kind in ["login.ip.site", "login.account_and_ip.site"] {
        assert_eq!(app.database().text(tried, kind).await.unwrap(), "1", "{kind}");
    }
    app.stop().await.unwrap();
}

#[tokio::test]
async fn a_sign_in_that_does_not_happen_takes_no_try_back() {
    let app = strict().await;
    let (email, ip) = (new_account(app).await, new_ip());
    let network = ip.split(':').take(4).collect::<Vec<_>>().join(":") + "::/64";
    assert_eq!(login_from(app, &ip, &email, WRONG).await.status, 401);
    // The password was changed between its verification and the statement.
    let start = "select (s.session is null)::text
                 from users u, start_session(
                     u.id, 'another hash', null, 60, 60, 50, null, null, '{}', null, null, split_part($1, ' ', 2), null, true
                 ) s
                 where u.email = split_part($1, ' ', 1)";
    let counts = "select string_agg(count::text, ' ') from rate_limits where key in (
                      rate_limit_key('login.ip', split_part($1, ' ', 2)),
                      rate_limit_key('login.account', split_part($1, ' ', 1)),
                      rate_limit_key('login.account_and_ip', $1)
                  )";
    let both = format!("{email} {network}");
    assert_eq!(app.database().text(counts, &both).await.unwrap(), "1 1 1");
    assert_eq!(app.database().text(start, &both).await.unwrap(), "true");
    assert_eq!(app.database().text(counts, &both).await.unwrap(), "1 1 1");
}
