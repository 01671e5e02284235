//! Which component a path goes to.

use serde_json::Value;

use crate::probe::{Application, Probe};

async fn component(probe: &Probe, path: &str) -> String {
    let answer = probe.get(&format!("{path}?do=component")).await;
    let body = answer.bytes().await.unwrap();
    serde_json::from_slice::<Value>(&body).unwrap().as_str().unwrap().to_owned()
}

/// Source: routefinder 0.5.4, which crates/routes/src/lib.rs:122 puts the routes in.
#[tokio::test]
async fn the_longest_route_wins_whatever_the_order_in_the_manifest() {
    let routes = [
        ("/...", "all"),
        ("/one/...", "one"),
        ("/one/two/...", "two"),
        ("/one/two/three", "exact"),
        ("/user/...", "user"),
        ("/user/:id", "parameter"),
        ("/user/me", "me"),
    ];
    for routes in [routes.to_vec(), routes.into_iter().rev().collect()] {
        let mut application = Application::default();
        for (route, component) in &routes {
            application = application.route(route, component);
        }
        let probe = application.start().await;
        for (path, expected) in [
            ("/one/two/three", "exact"),
            ("/one/two/four", "two"),
            ("/one/two", "two"),
            ("/one/four", "one"),
            ("/four", "all"),
            ("/user/me", "me"),
            ("/user/7", "parameter"),
            ("/user/7/name", "user"),
        ] {
            assert_eq!(component(&probe, path).await, expected, "{path} with {routes:?}");
        }
    }
}

/// Source: crates/routes/src/lib.rs:101 (the last one counts) and crates/trigger-http/src/server.rs:132 (the report).
#[tokio::test]
async fn a_duplicate_route_is_reported_and_the_last_one_counts() {
    let probe = Application::default().route("/same", "first").route("/same", "second").start().await;
    probe.logged("The following component routes are duplicates and will never be used:").await;
    probe.logged("first: /same (duplicate of second)").await;
    assert_eq!(component(&probe, "/same").await, "second");
}

/// Source: crates/trigger-http/src/server.rs:145 and :324 (paths under the prefix are handled before any route).
#[tokio::test]
async fn a_route_that_belongs_to_the_host_is_reported_and_never_reached() {
    let probe = Application::default().route("/.well-known/spin/mine", "mine").start().await;
    probe.logged("Routes under /.well-known/spin/ are handled by the ").await;
    assert_eq!(probe.get("/.well-known/spin/mine?do=component").await.status(), 404);
    assert_eq!(probe.get("/.well-known/spin/health").await.text().await.unwrap(), "OK");
}
