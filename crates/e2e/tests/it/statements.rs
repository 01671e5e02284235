//! How many statements each route waits for, counted on the wire.

use std::fmt::Write as _;

use e2e::{App, Caller, Database, PostgresTap, Upstream};
use insta::assert_snapshot;
use reqwest::Method;
use serde_json::{Value, json};

/// A route as whom, with what in its body, and its answer.
struct Call {
    method: &'static str,
    path: String,
    caller: Caller,
    body: Option<Value>,
    status: u16,
}

/// What a request waits for when others have been there before it, so that the connection is open: one statement to learn who asks
/// and one for what is asked, or both in one.
#[tokio::test]
async fn each_route_runs_as_many_statements_as_it_is_known_to() {
    let database = Database::clone_template().await.unwrap();
    let direct = database.host().trim_start_matches("postgres://").to_owned();
    let address = tokio::net::lookup_host(&direct).await.unwrap().next().unwrap();
    let tap = PostgresTap::before(address).await.unwrap();
    let tapped = format!("127.0.0.1:{}", tap.port());
    let upstream = Upstream::start().unwrap();
    let app = App::builder()
        .variable("database_url", database.url().replace(&direct, &tapped))
        .variable("database_host", format!("postgres://{tapped}"))
        .variable("documents_upstream", upstream.origin())
        .database(database)
        .start()
        .await
        .unwrap();
    let (admin, user) = (app.admin().await.unwrap(), app.user().await.unwrap());
    let id = user.id().await.unwrap();
    let group = admin.post("/api/admin/groups", &json!({"name": "Sales"})).await.unwrap().json();
    let group = group["id"].as_str().unwrap();
    let call = |method, path: &str, caller: &Caller, body: Option<Value>, status| Call {
        method,
        path: path.replace("USER", &id).replace("GROUP", group),
        caller: caller.clone(),
        body,
        status,
    };
    let sign_in = json!({"email": user.email, "password": Caller::PASSWORD});
    let calls = [
        call("GET", "/healthz", &user, None, 200),
        call("GET", "/api/users/me", &user, None, 200),
        call("GET", "/api/profile", &user, None, 200),
        call("PUT", "/api/profile", &user, Some(json!({"phone": "1"})), 200),
        call("GET", "/api/apps", &user, None, 200),
        call("GET", "/api/services", &user, None, 200),
        call("GET", "/api/documents/echo", &user, None, 200),
        call("GET", "/api/auth/sessions", &user, None, 200),
        call("POST", "/api/auth/session", &app.anonymous(), Some(sign_in), 200),
        call("GET", "/api/admin/users", &admin, None, 200),
        call("PATCH", "/api/admin/users/USER", &admin, Some(json!({"is_active": true})), 200),
        call("GET", "/api/admin/users/USER/apps", &admin, None, 200),
        call("GET", "/api/admin/groups", &admin, None, 200),
        call("POST", "/api/admin/groups/GROUP/members/USER", &admin, Some(json!({})), 200),
        call("GET", "/api/admin/audit", &admin, None, 200),
        call("GET", "/api/admin/apps/documents/grants", &admin, None, 200),
        call("PUT", "/api/admin/apps/documents/users/USER", &admin, None, 204),
        call("GET", "/api/settings/documents/limits", &user, None, 200),
    ];
    let mut table = String::new();
    for Call { method, path, caller, body, status } in calls {
        let mut fewest = usize::MAX;
        // The first ones open a connection, or find the kept one unproven after a pause.
        for _ in 0..5 {
            let before = tap.statements();
            let request = caller.request(Method::from_bytes(method.as_bytes()).unwrap(), &path);
            let request = if let Some(body) = &body { request.json(body) } else { request };
            let answer = caller.send(request).await.unwrap();
            assert!(answer.status == status || answer.status == 201, "{method} {path}: {answer}");
            fewest = fewest.min(tap.statements() - before);
        }
        let path = path.replace(&id, "{id}").replace(group, "{id}");
        writeln!(table, "{fewest} {method} {path}").unwrap();
    }
    assert_snapshot!(table, @"
    0 GET /healthz
    1 GET /api/users/me
    1 GET /api/profile
    2 PUT /api/profile
    1 GET /api/apps
    1 GET /api/services
    1 GET /api/documents/echo
    3 GET /api/auth/sessions
    2 POST /api/auth/session
    3 GET /api/admin/users
    2 PATCH /api/admin/users/{id}
    2 GET /api/admin/users/{id}/apps
    3 GET /api/admin/groups
    2 POST /api/admin/groups/{id}/members/{id}
    3 GET /api/admin/audit
    2 GET /api/admin/apps/documents/grants
    2 PUT /api/admin/apps/documents/users/{id}
    1 GET /api/settings/documents/limits
    ");
    app.stop().await.unwrap();
}
