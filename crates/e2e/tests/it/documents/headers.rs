//! Which headers pass, which are added, and which never pass.

use reqwest::Method;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::{Desk, body_of, desk, echo, raw, request, unique};
use e2e::{Caller, Received};

const JOIN: &str = "with g as (insert into groups (name) select $1 || n from generate_series(1, 101) n returning id),
                         u as (select id from users where email = $1)
                    insert into group_members (group_id, user_id) select g.id, u.id from g, u";

async fn groups_of(desk: &Desk, user: &Caller) -> Vec<String> {
    let ids = "select coalesce(string_agg(group_id::text, ',' order by group_id), '')
               from group_members join users on users.id = user_id where email = $1";
    let ids = desk.app.database().text(ids, &user.email).await.unwrap();
    ids.split(',').filter(|id| !id.is_empty()).map(str::to_owned).collect()
}

/// What arrived, of a raw GET with these headers.
async fn received(desk: &Desk, user: &Caller, headers: &str) -> Received {
    let answer = raw(desk, user, "GET /api/documents/x", headers).await;
    let body = body_of(&answer);
    let json: Value = serde_json::from_str(body).expect(&answer);
    Received::from_json(&json)
}

#[tokio::test]
async fn the_service_is_told_who_asks_and_from_where() {
    let desk = desk().await;
    let user = desk.app.user().await.unwrap();
    let id = user.get("/api/users/me").await.unwrap().json()["id"].as_str().unwrap().to_owned();
    let answer = request(desk, &user, Method::GET, "/x").send().await.unwrap();
    let request_id = answer.headers()["x-request-id"].to_str().unwrap().to_owned();
    let received = Received::from_json(&answer.json().await.unwrap());
    for (name, value) in [
        ("x-user-id", id.as_str()),
        ("x-user-email", &user.email),
        ("x-user-role", "user"),
        ("x-user-groups", ""),
        ("x-request-id", &request_id),
        ("x-forwarded-for", "127.0.0.1"),
        ("x-forwarded-proto", "http"),
        ("x-forwarded-host", desk.address()),
        ("host", desk.upstream.origin().trim_start_matches("http://")),
    ] {
        assert_eq!(received.header(name), [value], "{name}");
    }
    assert!(received.header("x-user-groups-truncated").is_empty());
    let admin = desk.app.admin().await.unwrap();
    assert_eq!(echo(request(desk, &admin, Method::GET, "/x")).await.header("x-user-role"), ["admin"]);
}

#[tokio::test]
async fn up_to_a_hundred_groups_are_told_and_that_there_are_more() {
    let desk = desk().await;
    let user = desk.app.user().await.unwrap();
    desk.app.database().execute(JOIN, &user.email).await.unwrap();
    let told = echo(request(desk, &user, Method::GET, "/x")).await;
    let all = groups_of(desk, &user).await;
    assert_eq!(all.len(), 101);
    assert_eq!(told.header("x-user-groups"), [all[..100].join(",")]);
    assert_eq!(told.header("x-user-groups-truncated"), ["true"]);

    let leave = "delete from group_members where ctid = (select m.ctid from group_members m
                 join users u on u.id = m.user_id where u.email = $1 limit 1)";
    desk.app.database().execute(leave, &user.email).await.unwrap();
    let told = echo(request(desk, &user, Method::GET, "/x").header("x-user-groups-truncated", "true")).await;
    assert_eq!(told.header("x-user-groups"), [groups_of(desk, &user).await.join(",")]);
    assert!(told.header("x-user-groups-truncated").is_empty());
}

#[tokio::test]
async fn what_a_client_says_of_itself_is_replaced() {
    let desk = desk().await;
    let user = desk.app.user().await.unwrap();
    let id = user.get("/api/users/me").await.unwrap().json()["id"].as_str().unwrap().to_owned();
    let claimed = "x-user-id: 1\r\nx-user-id: 2\r\nX-User-Email: root@example.com\r\nx-user-role: admin\r\n\
                   x-user-groups: a,b\r\nx-request-id: mine-1\r\nx-forwarded-for: 6.6.6.6\r\n\
                   x-forwarded-proto: https\r\nx-forwarded-host: evil.example\r\nspin-client-addr: 6.6.6.6:1\r\n\
                   spin-full-url: https://evil.example/\r\n";
    let received = received(desk, &user, claimed).await;
    for (name, value) in [
        ("x-user-id", id.as_str()),
        ("x-user-email", &user.email),
        ("x-user-role", "user"),
        ("x-user-groups", ""),
        ("x-request-id", "mine-1"),
        ("x-forwarded-for", "127.0.0.1"),
        ("x-forwarded-proto", "http"),
        ("x-forwarded-host", desk.address()),
    ] {
        assert_eq!(received.header(name), [value], "{name}");
    }
}

#[tokio::test]
async fn what_is_not_the_services_business_never_passes() {
    let desk = desk().await;
    let user = desk.app.user().await.unwrap();
    let sent = "cookie: __Host-fd_access=secret\r\nkeep-alive: timeout=5\r\nproxy-connection: keep-alive\r\n\
                proxy-authorization: Basic x\r\nproxy-authenticate: Basic\r\nte: trailers\r\ntrailer: x-end\r\n\
                upgrade: websocket\r\nhttp2-settings: AAAA\r\nx-user-anything: 1\r\nx-user-groups-truncated: true\r\n\
                x_user_id: 1\r\nx_user_role: admin\r\nx-user_email: root@example.com\r\nspin-anything: 1\r\n\
                spin-path-info: /x\r\nx-forwarded-port: 1\r\nforwarded: for=6.6.6.6\r\nx-real-ip: 6.6.6.6\r\n\
                x.user.id: 1\r\nx~user~id: 1\r\nx-original-url: /admin\r\nx-rewrite-url: /admin\r\nx-mine: passes\r\naccept-language: de\r\n";
    let received = received(desk, &user, sent).await;
    assert_eq!(received.header("x-mine"), ["passes"]);
    assert_eq!(received.header("accept-language"), ["de"]);
    let text = received.json().to_string();
    assert!(!text.contains(&user.token) && !text.contains("secret"), "{text}");
    let expected = [
        "accept-language",
        "host",
        "traceparent",
        "x-forwarded-for",
        "x-forwarded-host",
        "x-forwarded-proto",
        "x-mine",
        "x-request-id",
        "x-user-email",
        "x-user-groups",
        "x-user-id",
        "x-user-role",
    ];
    let mut names: Vec<&str> = received.headers.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, expected);
}

#[tokio::test]
async fn a_trace_is_continued_and_otherwise_begun() {
    let desk = desk().await;
    let user = desk.app.user().await.unwrap();
    let (trace, parent) = ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7");
    let given = format!("00-{trace}-{parent}-01");
    let received = echo(request(desk, &user, Method::GET, "/x").header("traceparent", &given)).await;
    let continued = received.header("traceparent");
    assert_eq!(continued.len(), 1);
    assert!(continued[0].starts_with(&format!("00-{trace}-")) && continued[0].ends_with("-01"), "{continued:?}");
    assert!(!continued[0].contains(parent), "{continued:?}");
    for given in ["", "nonsense", "00-00000000000000000000000000000000-00f067aa0ba902b7-01"] {
        let received = echo(request(desk, &user, Method::GET, "/x").header("traceparent", given)).await;
        let begun = received.header("traceparent");
        assert_eq!((begun.len(), begun[0].len()), (1, 55), "{begun:?}");
        assert!(begun[0].starts_with("00-") && !begun[0].contains(&"0".repeat(32)), "{begun:?}");
    }
}

#[tokio::test]
async fn the_services_headers_pass_but_for_those_that_are_ours_or_of_the_connection() {
    let desk = desk().await;
    let user = desk.app.user().await.unwrap();
    let key = unique();
    let asked = "x-answer-set-cookie: a=b\r\nx-answer-server: uvicorn\r\nx-answer-keep-alive: timeout=5\r\n\
                 x-answer-proxy-authenticate: Basic\r\nx-answer-trailer: x-end\r\nx-answer-host: evil.example\r\n\
                 x-answer-x-request-id: theirs\r\nx-answer-content-type: application/pdf\r\n\
                 x-answer-content-disposition: attachment; filename=\"a.pdf\"\r\nx-answer-content-encoding: br\r\n\
                 x-answer-etag: \"v1\"\r\nx-answer-vary: accept\r\nx-answer-x-own: 1\r\nx-answer-x-own: 2\r\n";
    let answer = raw(desk, &user, &format!("GET /api/documents/{key}"), asked).await;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    let lines: Vec<&str> = head.split("\r\n").skip(1).collect();
    for line in [
        "content-type: application/pdf",
        "content-disposition: attachment; filename=\"a.pdf\"",
        "content-encoding: br",
        "etag: \"v1\"",
        "vary: accept",
        "x-own: 1",
        "x-own: 2",
        "x-content-type-options: nosniff",
        "cache-control: private",
        &format!("content-length: {}", body.len()),
    ] {
        assert!(lines.contains(&line), "{line} is not in {head}");
    }
    for name in ["set-cookie", "server", "keep-alive", "proxy-authenticate", "trailer", "host"] {
        assert!(!lines.iter().any(|line| line.starts_with(&format!("{name}:"))), "{name} is in {head}");
    }
    let ids: Vec<&&str> = lines.iter().filter(|line| line.starts_with("x-request-id: ")).collect();
    assert!(ids.len() == 1 && *ids[0] != "x-request-id: theirs", "{head}");
}

#[tokio::test]
async fn a_client_is_sent_to_our_paths_and_learns_no_others() {
    let desk = desk().await;
    let user = desk.app.user().await.unwrap();
    let origin = desk.upstream.origin();
    let in_hexadecimal = origin.replace("127.0.0.1", "0x7f000001");
    for name in ["location", "content-location", "sourcemap"] {
        for (theirs, ours) in [
            (format!("{in_hexadecimal}/documents/7"), Some("/api/documents/7")),
            (format!("{in_hexadecimal}/login"), None),
            ("7".to_owned(), Some("7")),
            ("../../documents/7".to_owned(), Some("/api/documents/7")),
            ("%2e%2e/login".to_owned(), None),
            (format!("{origin}/documents/7/?a=b"), Some("/api/documents/7/?a=b")),
            (format!("{origin}/login"), None),
            ("/documents/7".to_owned(), Some("/api/documents/7")),
            ("/login".to_owned(), Some("/login")),
            ("https://example.com/documents".to_owned(), Some("https://example.com/documents")),
            (format!("{}/documents/7", desk.app.url()), Some("/api/documents/7")),
        ] {
            let request = request(desk, &user, Method::POST, "/x")
                .header("x-answer-status", "303")
                .header(format!("x-answer-{name}"), &theirs);
            let answer = request.send().await.unwrap();
            assert_eq!(answer.status(), 303);
            let told = answer.headers().get(name).map(|value| value.to_str().unwrap());
            assert_eq!(told, ours, "{name}: {theirs}");
        }
    }
}

#[tokio::test]
async fn no_header_holds_the_address_of_the_service() {
    let desk = desk().await;
    let user = desk.app.user().await.unwrap();
    let origin = desk.upstream.origin();
    for (name, theirs, ours) in [
        ("x-pingback", format!("{origin}/xmlrpc"), None),
        ("x-backend-server", origin.trim_start_matches("http://").to_owned(), None),
        ("operation-location", format!("{origin}/documents/7"), Some("/api/documents/7")),
        ("x-own", desk.app.url().to_owned(), Some(desk.app.url())),
    ] {
        let request = request(desk, &user, Method::GET, "/x").header(format!("x-answer-{name}"), &theirs);
        let answer = request.send().await.unwrap();
        assert_eq!(answer.headers().get(name).map(|value| value.to_str().unwrap()), ours, "{name}: {theirs}");
    }
}

#[tokio::test]
async fn a_link_leads_where_a_client_can_go() {
    let desk = desk().await;
    let user = desk.app.user().await.unwrap();
    let link = format!("<{}/documents?page=2>; rel=\"next\"", desk.upstream.origin());
    let answer = request(desk, &user, Method::GET, "/x").header("x-answer-link", &link).send().await.unwrap();
    assert_eq!(answer.headers()["link"], "</api/documents?page=2>; rel=\"next\"");
}

#[tokio::test]
async fn the_service_is_told_by_what_name_we_were_called() {
    let desk = desk().await;
    let user = desk.app.user().await.unwrap();
    for host in ["desk.example.com:81", "evil@desk.example.com:81"] {
        let mut socket = TcpStream::connect(desk.address()).await.unwrap();
        let (line, token) = ("GET /api/documents/x HTTP/1.1", &user.token);
        let head = format!("{line}\r\nhost: {host}\r\nconnection: close\r\nauthorization: Bearer {token}\r\n\r\n");
        socket.write_all(head.as_bytes()).await.unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await.unwrap();
        let received = Received::from_json(&serde_json::from_str(body_of(&answer)).expect(&answer));
        assert_eq!(received.header("x-forwarded-host"), ["desk.example.com:81"], "{host}");
    }
}

#[tokio::test]
async fn what_the_service_says_of_caching_stays() {
    let desk = desk().await;
    let user = desk.app.user().await.unwrap();
    let request = request(desk, &user, Method::GET, "/x").header("x-answer-cache-control", "private, max-age=60");
    assert_eq!(request.send().await.unwrap().headers()["cache-control"], "private, max-age=60");
}

#[tokio::test]
async fn what_a_browser_would_run_is_sandboxed() {
    let desk = desk().await;
    let user = desk.app.user().await.unwrap();
    for (content_type, is_sandboxed) in [
        ("text/html", true),
        ("Text/HTML; charset=utf-8", true),
        ("image/svg+xml", true),
        ("application/xml", true),
        ("text/xml; charset=utf-8", true),
        ("application/xhtml+xml", true),
        ("text/plain, text/html", true),
        ("text/html charset=utf-8", true),
        ("text/html(x)", true),
        ("application/xml x", true),
        ("application/pdf", false),
        ("text/plain", false),
        ("application/pdf; name=\"Report, final.pdf\"", false),
        ("application/json", false),
        ("image/png", false),
        ("text/javascript", true),
        ("application/x-unknown", true),
    ] {
        let request = request(desk, &user, Method::GET, "/x").header("x-answer-content-type", content_type);
        let answer = request.send().await.unwrap();
        let policy: Vec<_> = answer.headers().get_all("content-security-policy").iter().collect();
        assert_eq!(!policy.is_empty(), is_sandboxed, "{content_type}");
        assert!(policy.iter().all(|policy| *policy == "sandbox"), "{content_type}");
        assert_eq!(answer.headers()["x-content-type-options"], "nosniff", "{content_type}");
    }
    let request = request(desk, &user, Method::GET, "/x")
        .header("x-answer-content-type", "text/html")
        .header("x-answer-content-security-policy", "default-src 'none'");
    let answer = request.send().await.unwrap();
    let policies: Vec<_> = answer.headers().get_all("content-security-policy").iter().collect();
    assert_eq!(policies, ["default-src 'none'", "sandbox"]);
}

#[tokio::test]
async fn a_trusted_proxy_says_by_what_name_and_scheme_we_were_called() {
    let trusting = Desk::start(|app| app.variable("trusted_proxies", "127.0.0.1")).await;
    let user = trusting.app.user().await.unwrap();
    let said = [
        ("x-forwarded-host", "people.example.com, inner.example.com"),
        ("x-forwarded-host", "inner.example.com"),
        ("x-forwarded-proto", "wss, http"),
    ];
    let ask = |desk: &Desk, user: &Caller| {
        let request = request(desk, user, Method::GET, "/x");
        said.iter().fold(request, |request, (name, value)| request.header(*name, *value))
    };
    let received = echo(ask(&trusting, &user)).await;
    assert_eq!(received.header("x-forwarded-host"), ["people.example.com"]);
    assert_eq!(received.header("x-forwarded-proto"), ["https"]);
    let location = ("x-answer-location", "https://people.example.com/documents/7");
    let answer = ask(&trusting, &user).header(location.0, location.1).send().await.unwrap();
    assert_eq!(answer.headers()["location"], "/api/documents/7");
    trusting.app.stop().await.unwrap();

    let desk = desk().await;
    let user = desk.app.user().await.unwrap();
    let received = echo(ask(desk, &user)).await;
    assert_eq!(received.header("x-forwarded-host"), [desk.address()]);
    assert_eq!(received.header("x-forwarded-proto"), ["http"]);
    let answer = ask(desk, &user).header(location.0, location.1).send().await.unwrap();
    assert_eq!(answer.headers()["location"], location.1);
}

#[tokio::test]
async fn a_service_does_not_speak_for_our_origin_or_host() {
    let desk = desk().await;
    let user = desk.app.user().await.unwrap();
    let names = [
        "strict-transport-security",
        "alt-svc",
        "nel",
        "report-to",
        "reporting-endpoints",
        "accept-ch",
        "origin-agent-cluster",
        "access-control-allow-origin",
        "clear-site-data",
        "service-worker-allowed",
        "x-accel-redirect",
        "x-accel-buffering",
    ];
    let asked = names
        .iter()
        .fold(request(desk, &user, Method::GET, "/x"), |request, name| request.header(format!("x-answer-{name}"), "x"));
    let answer = asked.send().await.unwrap();
    assert_eq!(answer.status(), 200);
    for name in names {
        assert!(!answer.headers().contains_key(name), "{name}");
    }
}

#[tokio::test]
async fn of_what_a_service_demands_to_be_shown_only_bearer_tokens_pass() {
    let desk = desk().await;
    let user = desk.app.user().await.unwrap();
    let line = "Basic realm=\"a, b\", Bearer realm=\"c\", error=\"d\", Negotiate";
    for status in ["401", "403", "200"] {
        let request = request(desk, &user, Method::GET, "/x").header("x-answer-status", status);
        let answer = request.header("x-answer-www-authenticate", line).send().await.unwrap();
        assert_eq!(answer.headers()["www-authenticate"], "Bearer realm=\"c\", error=\"d\"", "{status}");
    }
    let two = "Bearer realm=\"a\" Basic realm=\"b\"";
    let asked = request(desk, &user, Method::GET, "/x").header("x-answer-status", "403");
    let answer = asked.header("x-answer-www-authenticate", two).send().await.unwrap();
    assert!(!answer.headers().contains_key("www-authenticate"));
    let basic = |status: &str| {
        let request = request(desk, &user, Method::GET, "/x").header("x-answer-status", status.to_owned());
        request.header("x-answer-www-authenticate", "Basic realm=\"a\"").send()
    };
    assert_eq!(basic("401").await.unwrap().headers()["www-authenticate"], "Bearer");
    assert!(!basic("403").await.unwrap().headers().contains_key("www-authenticate"));
}

#[tokio::test]
async fn a_refresh_leads_where_a_client_can_go() {
    let desk = desk().await;
    let user = desk.app.user().await.unwrap();
    let origin = desk.upstream.origin();
    for (theirs, ours) in [
        (format!("0; url={origin}/documents/7"), Some("0; url=/api/documents/7")),
        (format!("5;URL = '{origin}/documents/7?a=b'"), Some("5; url=/api/documents/7?a=b")),
        (format!("5, {origin}/documents/7"), Some("5; url=/api/documents/7")),
        (format!("5 \"{origin}/documents/7\""), Some("5; url=/api/documents/7")),
        (format!("5; url={origin}/login"), None),
        ("5".to_owned(), Some("5")),
    ] {
        let request = request(desk, &user, Method::GET, "/x").header("x-answer-refresh", &theirs);
        let answer = request.send().await.unwrap();
        let told = answer.headers().get("refresh").map(|value| value.to_str().unwrap());
        assert_eq!(told, ours, "{theirs}");
    }
}

#[tokio::test]
async fn nobody_has_a_service_take_a_method_for_another() {
    let desk = desk().await;
    let user = desk.app.user().await.unwrap();
    let lines = "x-http-method-override: DELETE\r\nx_http-method: DELETE\r\nx-method-override: DELETE\r\nx-original-url: /x\r\n";
    let received = received(desk, &user, lines).await;
    for (name, _) in &received.headers {
        assert!(!name.contains("method") && !name.contains("original"), "{name}");
    }
}

#[tokio::test]
async fn trace_is_no_method_of_a_service() {
    let desk = desk().await;
    let user = desk.app.user().await.unwrap();
    let key = unique();
    for caller in [&user, &desk.app.anonymous()] {
        let answer = raw(desk, caller, &format!("TRACE /api/documents/{key}"), "").await;
        assert!(answer.starts_with("HTTP/1.1 405 "), "{answer}");
        assert!(answer.contains("\r\nallow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n"), "{answer}");
        assert!(body_of(&answer).contains("\"method_not_allowed\""), "{answer}");
    }
    assert_eq!(desk.upstream.received(&key).len(), 0);
}

#[tokio::test]
async fn a_destination_is_mapped_and_must_not_lead_elsewhere() {
    let desk = desk().await;
    let user = desk.app.user().await.unwrap();
    let ask = |destination: &str| {
        let copy = Method::from_bytes(b"COPY").unwrap();
        request(desk, &user, copy, "/a").header("destination", destination.to_owned())
    };
    let ours = format!("{}/api/documents/b%20c", desk.app.url());
    let theirs = format!("{}/documents/b%20c", desk.upstream.origin());
    for (given, expected) in [("/api/documents/b", "/documents/b"), (ours.as_str(), theirs.as_str())] {
        let received = echo(ask(given)).await;
        assert_eq!((received.method.as_str(), received.header("destination")), ("COPY", vec![expected]), "{given}");
    }
    for given in ["/api/people", "/api/documents/../people", "https://evil.example/api/documents/b", "b"] {
        let answer = ask(given).send().await.unwrap();
        assert_eq!(answer.status(), 400, "{given}");
        assert!(answer.text().await.unwrap().contains("\"bad_path\""), "{given}");
    }
}

#[tokio::test]
async fn a_condition_is_about_what_the_service_calls_a_resource() {
    let desk = desk().await;
    let user = desk.app.user().await.unwrap();
    let ask = |conditions: &str| request(desk, &user, Method::PUT, "/a").header("if", conditions.to_owned());
    let ours = format!("<{}/api/documents/b> (<urn:uuid:1> [\"a\"])", desk.app.url());
    let theirs = format!("<{}/documents/b> (<urn:uuid:1> [\"a\"])", desk.upstream.origin());
    for (given, expected) in [(ours.as_str(), theirs.as_str()), ("(<urn:uuid:1>)", "(<urn:uuid:1>)")] {
        assert_eq!(echo(ask(given)).await.header("if"), [expected], "{given}");
    }
    let answer = ask("</api/people> (<urn:uuid:1>)").send().await.unwrap();
    assert_eq!(answer.status(), 400);
    assert!(answer.text().await.unwrap().contains("\"bad_path\""));
}
