//! Paths that try to leave the prefix, sent as they are: a client of a library would normalise them.

use serde_json::Value;

use super::{body_of, desk, raw, unique};

#[tokio::test]
async fn a_path_that_leads_elsewhere_is_refused_and_does_not_reach_the_service() {
    let desk = desk().await;
    let user = desk.app.user().await.unwrap();
    let key = unique();
    for path in [
        "/..",
        "/../KEY",
        "/../../KEY",
        "/a/../KEY",
        "/a/./KEY",
        "/.",
        "/KEY/..",
        "/%2e%2e/KEY",
        "/%2E./KEY",
        "/.%2e/KEY",
        "/%252e%252e/KEY",
        "/%25252e%25252e/KEY",
        "/..%2fKEY",
        "/..%2FKEY",
        "/a%2f..%2fKEY",
        "/..%252fKEY",
        "//KEY",
        "/a//KEY",
        "/KEY//",
        "/a%2f/KEY",
        "/%2fKEY",
        "/a\\..\\KEY",
        "/..\\KEY",
        "/a%5cKEY",
        "/..%5cKEY",
        "/..%255cKEY",
        "/KEY%00",
        "/%00/KEY",
        "/KEY%2500.pdf",
        "/..;/KEY",
        "/..;a=b/KEY",
        "/%2e%2e;/KEY",
        "/..%3b/KEY",
        "/.;/KEY",
        "/%c0%ae%c0%ae/KEY",
        "/a%c0%afKEY",
        "/%e0%80%ae%e0%80%ae/KEY",
        "/a%e0%80%afKEY",
        "/%f0%80%80%ae%f0%80%80%ae/KEY",
        "/a%f0%80%80%afKEY",
        "/%25c0%25ae%25c0%25ae/KEY",
        "/%u002e%u002e/KEY",
    ] {
        let path = path.replace("KEY", &key);
        for method in ["GET", "DELETE", "OPTIONS"] {
            let answer = raw(desk, &user, &format!("{method} /api/documents{path}?q=1"), "").await;
            assert!(answer.starts_with("HTTP/1.1 400 "), "{method} {path}: {answer}");
            let json: Value = serde_json::from_str(body_of(&answer)).unwrap();
            assert_eq!(json["code"], "bad_path", "{method} {path}");
        }
    }
    assert_eq!(desk.upstream.received(&key).len(), 0);
}

#[tokio::test]
async fn a_path_that_leaves_the_prefix_before_it_begins_is_not_forwarded() {
    let desk = desk().await;
    let user = desk.app.user().await.unwrap();
    let key = unique();
    for path in ["//api/documents/KEY", "/api//documents/KEY", "/api/./documents/KEY", "/api/x/../documents/KEY"] {
        let path = path.replace("KEY", &key);
        let answer = raw(desk, &user, &format!("GET {path}"), "").await;
        assert!(answer.starts_with("HTTP/1.1 40"), "{path}: {answer}");
    }
    assert_eq!(desk.upstream.received(&key).len(), 0);
}

#[tokio::test]
async fn a_path_with_dots_that_lead_nowhere_passes_as_it_is() {
    let desk = desk().await;
    let user = desk.app.user().await.unwrap();
    for path in [
        "/..a",
        "/a..",
        "/...",
        "/.hidden",
        "/a.b",
        "/100%25",
        "/a;b=c",
        "/a%2Fb",
        "/%E4%B8%AD",
        "/a:b@c",
        "/%C1rea.pdf",
        "/%C0%20propos.pdf",
    ] {
        let answer = raw(desk, &user, &format!("GET /api/documents{path}"), "").await;
        let json: Value = serde_json::from_str(body_of(&answer)).expect(&answer);
        assert_eq!(json["target"], format!("/documents{path}"));
    }
}
