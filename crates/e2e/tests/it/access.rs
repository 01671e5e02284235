//! Every route of the OpenAPI document, as every kind of caller. A route that is not in the table fails the test.

use std::collections::BTreeMap;
use std::path::Path;

use e2e::{Answer, Caller};
use reqwest::Method;
use serde_json::{Value, json};

use crate::app;

/// Who may call a route.
#[derive(Clone, Copy, Debug)]
enum Who {
    Anybody,
    SignedIn,
}

use Who::{Anybody, SignedIn};

const ROUTES: [(&str, &str, Who); 6] = [
    ("GET", "/.well-known/jwks.json", Anybody),
    ("POST", "/api/auth/login", Anybody),
    ("POST", "/api/auth/register", Anybody),
    ("GET", "/api/users/me", SignedIn),
    ("GET", "/healthz", Anybody),
    ("GET", "/readyz", Anybody),
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

/// A request that is well-formed up to its body: what is refused then is not who is calling.
async fn call(caller: &Caller, method: &str, path: &str) -> Answer {
    let method: Method = method.parse().unwrap();
    let request = caller.request(method.clone(), path);
    caller.send(if method == Method::GET { request } else { request.json(&json!({})) }).await.unwrap()
}

#[test]
fn every_documented_route_is_in_the_table_and_the_other_way_round() {
    let listed: Vec<_> = ROUTES.iter().map(|(method, path, _)| ((*method).to_owned(), (*path).to_owned())).collect();
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
    for (method, path, who) in ROUTES {
        let operation = &documented[&(method.to_owned(), path.to_owned())];
        let asks_for_a_token = matches!(who, SignedIn);
        assert_eq!(operation["security"][0].get("bearer").is_some(), asks_for_a_token, "{method} {path}");
        // A wrong password is 401 as well.
        let documents_401 = asks_for_a_token || path == "/api/auth/login";
        assert_eq!(operation["responses"].get("401").is_some(), documents_401, "{method} {path}");
    }
}

#[tokio::test]
async fn every_route_lets_in_whom_it_should_and_nobody_else() {
    let app = app().await;
    let deactivated = app.user().await.unwrap();
    app.database().execute("update users set is_active = false where email = $1", &deactivated.email).await.unwrap();
    let (anonymous, user, admin) = (app.anonymous(), app.user().await.unwrap(), app.admin().await.unwrap());
    let other_user = app.user().await.unwrap();
    for (method, path, who) in ROUTES {
        for (kind, caller, is_in) in [
            ("anonymous", &anonymous, false),
            ("deactivated", &deactivated, false),
            ("user", &user, true),
            ("other user", &other_user, true),
            ("admin", &admin, true),
        ] {
            let answer = call(caller, method, path).await;
            let expected = match who {
                SignedIn if !is_in => 401,
                SignedIn | Anybody if method == "GET" => 200,
                SignedIn | Anybody => 422,
            };
            assert_eq!(answer.status, expected, "{method} {path} as {kind}: {answer}");
        }
    }
}
