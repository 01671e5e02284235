//! Every route of the OpenAPI document, as every kind of caller. A route that is not in the table fails the test.

use std::collections::BTreeMap;
use std::path::Path;

use e2e::{Answer, AppBuilder, Caller};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::app;

/// Who may call a route.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Who {
    Anybody,
    SignedIn,
    /// Who has a token, whatever became of its session.
    Leaving,
    Admins,
    /// Programs of the operator's, with a token of their own: the name of its scheme in the document, and the token.
    Programs(&'static str, &'static str),
}

use Who::{Admins, Anybody, Leaving, Programs, SignedIn};

const SCHEDULER: Who = Programs("tick_token", AppBuilder::TICK_TOKEN);
const SERVICES: Who = Programs("service_token", AppBuilder::SERVICE_TOKEN);

/// Each with what it answers whom it lets in: the request names what there is not, and has nothing in its body.
const ROUTES: [(&str, &str, Who, u16); 71] = [
    ("GET", "/.well-known/jwks.json", Anybody, 200),
    ("GET", "/api/admin/apps", Admins, 200),
    ("POST", "/api/admin/apps", Admins, 422),
    ("DELETE", "/api/admin/apps/{key}", Admins, 404),
    ("GET", "/api/admin/apps/{key}", Admins, 404),
    ("PATCH", "/api/admin/apps/{key}", Admins, 404),
    ("GET", "/api/admin/apps/{key}/grants", Admins, 404),
    ("DELETE", "/api/admin/apps/{key}/groups/{group_id}", Admins, 404),
    ("PUT", "/api/admin/apps/{key}/groups/{group_id}", Admins, 404),
    ("DELETE", "/api/admin/apps/{key}/users/{user_id}", Admins, 404),
    ("PUT", "/api/admin/apps/{key}/users/{user_id}", Admins, 404),
    ("GET", "/api/admin/audit", Admins, 200),
    ("GET", "/api/admin/groups", Admins, 200),
    ("POST", "/api/admin/groups", Admins, 422),
    ("GET", "/api/admin/groups/{id}", Admins, 404),
    ("PATCH", "/api/admin/groups/{id}", Admins, 404),
    ("DELETE", "/api/admin/groups/{id}", Admins, 404),
    ("POST", "/api/admin/groups/{id}/members/{user_id}", Admins, 404),
    ("DELETE", "/api/admin/groups/{id}/members/{user_id}", Admins, 404),
    ("GET", "/api/admin/users", Admins, 200),
    ("POST", "/api/admin/users", Admins, 422),
    ("DELETE", "/api/admin/users/{id}", Admins, 404),
    ("GET", "/api/admin/users/{id}", Admins, 404),
    ("PATCH", "/api/admin/users/{id}", Admins, 404),
    ("GET", "/api/admin/users/{id}/apps", Admins, 404),
    ("POST", "/api/admin/users/{id}/password-reset", Admins, 404),
    ("DELETE", "/api/admin/users/{id}/sessions", Admins, 404),
    ("GET", "/api/admin/users/{id}/sessions", Admins, 404),
    ("DELETE", "/api/admin/users/{id}/sessions/{session_id}", Admins, 404),
    ("GET", "/api/apps", SignedIn, 200),
    ("POST", "/api/auth/login", Anybody, 422),
    ("POST", "/api/auth/logout", Leaving, 204),
    ("POST", "/api/auth/password/change", SignedIn, 422),
    ("POST", "/api/auth/password/forgot", Anybody, 422),
    ("POST", "/api/auth/password/reset", Anybody, 422),
    // Who has no refresh token is refused, whoever it is.
    ("POST", "/api/auth/refresh", Anybody, 401),
    ("POST", "/api/auth/register", Anybody, 422),
    ("POST", "/api/auth/session", Anybody, 422),
    ("GET", "/api/auth/sessions", SignedIn, 200),
    ("DELETE", "/api/auth/sessions/{id}", SignedIn, 404),
    ("GET", "/api/docs", Anybody, 200),
    ("GET", "/api/docs/{file}", Anybody, 404),
    ("DELETE", "/api/documents", SignedIn, 502),
    ("GET", "/api/documents", SignedIn, 502),
    ("HEAD", "/api/documents", SignedIn, 502),
    ("OPTIONS", "/api/documents", SignedIn, 502),
    ("PATCH", "/api/documents", SignedIn, 502),
    ("POST", "/api/documents", SignedIn, 502),
    ("PUT", "/api/documents", SignedIn, 502),
    ("DELETE", "/api/documents/{path}", SignedIn, 502),
    ("GET", "/api/documents/{path}", SignedIn, 502),
    ("HEAD", "/api/documents/{path}", SignedIn, 502),
    ("OPTIONS", "/api/documents/{path}", SignedIn, 502),
    ("PATCH", "/api/documents/{path}", SignedIn, 502),
    ("POST", "/api/documents/{path}", SignedIn, 502),
    ("PUT", "/api/documents/{path}", SignedIn, 502),
    ("GET", "/api/openapi.json", Anybody, 200),
    ("GET", "/api/profile", SignedIn, 200),
    ("PUT", "/api/profile", SignedIn, 200),
    ("GET", "/api/services", SignedIn, 200),
    ("GET", "/api/settings/ai", Admins, 200),
    ("PATCH", "/api/settings/ai", Admins, 200),
    ("POST", "/api/settings/ai/test", Admins, 200),
    ("GET", "/api/settings/documents/limits", SignedIn, 200),
    ("PATCH", "/api/settings/documents/limits", Admins, 200),
    ("GET", "/api/users/me", SignedIn, 200),
    ("GET", "/healthz", Anybody, 200),
    ("GET", "/internal/settings/ai", SERVICES, 200),
    ("GET", "/internal/settings/documents", SERVICES, 200),
    ("POST", "/internal/tick", SCHEDULER, 204),
    ("GET", "/readyz", Anybody, 200),
];

fn documented() -> BTreeMap<(String, String), Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi.json");
    let document: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let mut operations = BTreeMap::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            operations.insert((method.to_uppercase(), path.clone()), operation.clone());
        }
    }
    operations
}

/// A path with something in place of each `{parameter}`.
fn filled(path: &str, fill: impl Fn() -> String) -> String {
    let segment = |segment: &str| match segment.split_once('{') {
        Some((before, _)) => before.to_owned() + fill().as_str(),
        None => segment.to_owned(),
    };
    path.split('/').map(segment).collect::<Vec<_>>().join("/")
}

/// A request that is well-formed up to its body: what is refused then is not who is calling.
async fn call(caller: &Caller, method: &str, path: &str) -> Answer {
    let method: Method = method.parse().unwrap();
    let has_body = ![Method::GET, Method::HEAD, Method::DELETE].contains(&method);
    // With a letter before it a UUID is a key as well.
    let path = filled(&path.replace("{key}", "a-{key}"), || Uuid::new_v4().to_string());
    let request = caller.request(method, &path);
    caller.send(if has_body { request.json(&json!({})) } else { request }).await.unwrap()
}

#[test]
fn every_documented_route_is_in_the_table_and_the_other_way_round() {
    let listed: Vec<_> = ROUTES.iter().map(|(method, path, ..)| ((*method).to_owned(), (*path).to_owned())).collect();
    for operation in documented().keys() {
        assert!(listed.contains(operation), "{operation:?} is not in the access table");
    }
    for operation in &listed {
        assert!(documented().contains_key(operation), "{operation:?} is not in the OpenAPI document");
    }
}

#[test]
fn the_document_says_who_may_call() {
    let documented = documented();
    for (method, path, who, _) in ROUTES {
        let operation = &documented[&(method.to_owned(), path.to_owned())];
        let says = |status: &str| operation["responses"].get(status).is_some();
        let asks_for_a_token = who != Anybody;
        let scheme = match who {
            Anybody => None,
            SignedIn | Leaving | Admins => Some("bearer"),
            Programs(scheme, _) => Some(scheme),
        };
        let documented = operation["security"][0].as_object().and_then(|schemes| schemes.keys().next());
        assert_eq!(documented.map(String::as_str), scheme, "{method} {path}");
        let alternatives = operation["security"].as_array().into_iter().flatten();
        let takes_a_cookie = alternatives.filter_map(Value::as_object).any(|schemes| schemes.contains_key("cookie"));
        assert_eq!(takes_a_cookie, matches!(who, SignedIn | Leaving | Admins), "{method} {path}");
        // A wrong password is 401 as well, and so is a wrong refresh token.
        let signs_in = ["/api/auth/login", "/api/auth/refresh", "/api/auth/session"].contains(&path);
        assert_eq!(says("401"), asks_for_a_token || signs_in, "{method} {path}");
        // What changes something with a cookie, and what signs somebody in, may come from another site's page.
        let changes = ["DELETE", "PATCH", "POST", "PUT"].contains(&method);
        let is_guarded = changes && (takes_a_cookie || path.starts_with("/api/auth/"));
        // Who has to choose a password is let in to that and to who they are.
        let is_for_all = ["/api/auth/password/change", "/api/users/me"].contains(&path);
        let may_not = who == SignedIn && !is_for_all;
        assert_eq!(says("403"), who == Admins || is_guarded || may_not, "{method} {path}");
        // What is no id is 422 and what there is not is 404. A path behind the proxy is the service's own affair, and the name of
        // a file is no id.
        let takes_ids = path.contains('{') && !path.starts_with("/api/documents/") && path != "/api/docs/{file}";
        assert!(!takes_ids || says("422") && says("404"), "{method} {path}");
    }
}

#[tokio::test]
async fn every_route_lets_in_whom_it_should_and_nobody_else() {
    let app = app().await;
    let deactivated = app.user().await.unwrap();
    let former_admin = app.admin().await.unwrap();
    let deactivate = "update users set is_active = false where email = $1";
    for caller in [&deactivated, &former_admin] {
        assert_eq!(app.database().execute(deactivate, &caller.email).await.unwrap(), 1);
    }
    let (anonymous, user, admin) = (app.anonymous(), app.user().await.unwrap(), app.admin().await.unwrap());
    let other_user = app.user().await.unwrap();
    // Whose password an administrator knows.
    let (newcomer, new_admin) = (app.user().await.unwrap(), app.admin().await.unwrap());
    for caller in [&newcomer, &new_admin] {
        let given = "update users set must_change_password = true where email = $1";
        assert_eq!(app.database().execute(given, &caller.email).await.unwrap(), 1);
    }
    let stranger = anonymous.with_token("nonsense");
    // Who has left is not signed in any more: that is last.
    let (leaving, others): (Vec<_>, Vec<_>) = ROUTES.into_iter().partition(|(_, _, who, _)| *who == Leaving);
    for (method, path, who, success) in others.into_iter().chain(leaving) {
        let is_for_all = ["/api/auth/password/change", "/api/users/me"].contains(&path);
        if let Programs(_, token) = who {
            let answer = call(&anonymous.with_token(token), method, path).await;
            assert_eq!(answer.status, success, "{method} {path} as the program: {answer}");
        }
        for (kind, caller, is_in, is_admin) in [
            ("anonymous", &anonymous, Err("not_authenticated"), false),
            ("stranger", &stranger, Err("invalid_token"), false),
            ("deactivated", &deactivated, Err("session_ended"), false),
            ("deactivated admin", &former_admin, Err("session_ended"), true),
            ("stranger's browser", &stranger.in_a_browser(), Err("invalid_token"), false),
            ("deactivated user's browser", &deactivated.in_a_browser(), Err("session_ended"), false),
            ("user", &user, Ok(()), false),
            ("user's browser", &user.in_a_browser(), Ok(()), false),
            ("other user", &other_user, Ok(()), false),
            ("admin", &admin, Ok(()), true),
            ("newcomer", &newcomer, Err("password_change_required"), false),
            ("new admin", &new_admin, Err("password_change_required"), true),
            ("admin's browser", &admin.in_a_browser(), Ok(()), true),
        ] {
            let answer = call(caller, method, path).await;
            let refusal = match (who, is_in) {
                (SignedIn, Err("password_change_required")) if is_for_all => None,
                (SignedIn | Admins, Err(code @ "password_change_required")) => Some((403, code)),
                (SignedIn | Admins, Err(code)) => Some((401, code)),
                (Leaving, Err(code)) if !["session_ended", "password_change_required"].contains(&code) => {
                    Some((401, code))
                }
                (Programs(..), Err("not_authenticated")) => Some((401, "not_authenticated")),
                // A cookie is nothing that a program has.
                (Programs(..), _) if kind.ends_with("browser") => Some((401, "not_authenticated")),
                (Programs(..), _) => Some((401, "invalid_token")),
                (Admins, Ok(())) if !is_admin => Some((403, "admin_required")),
                _ => None,
            };
            let context = format!("{method} {path} as {kind}: {answer}");
            assert_eq!(answer.status, refusal.map_or(success, |(status, _)| status), "{context}");
            if let Some((_, code)) = refusal {
                assert!(method == "HEAD" || answer.code() == code, "{context}");
            }
            let challenge = if answer.status == 401 { "Bearer" } else { "" };
            assert_eq!(answer.header("www-authenticate"), challenge, "{context}");
        }
    }
}

#[tokio::test]
async fn who_may_not_call_is_not_told_what_else_is_wrong() {
    let app = app().await;
    let (anonymous, user) = (app.anonymous(), app.user().await.unwrap());
    for (method, path, who, _) in ROUTES {
        let path = format!("{}?limit=x&sort=x&cursor=x", filled(path, || "nonsense".to_owned()));
        for (caller, expected) in [(&anonymous, 401), (&user, 403)] {
            let expected = match (who, expected) {
                (Anybody, _) | (SignedIn | Leaving, 403) => continue,
                (Programs(..), _) => 401,
                _ => expected,
            };
            let request = caller.request(method.parse().unwrap(), &path);
            let answer = caller.send(request.header("content-type", "text/plain").body("{")).await.unwrap();
            assert_eq!(answer.status, expected, "{method} {path}: {answer}");
        }
    }
}
