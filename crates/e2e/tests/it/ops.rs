//! /healthz, /readyz, /api/openapi.json, /api/docs and every path that nobody claims.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use e2e::{Answer, App, Caller};
use flate2::read::GzDecoder;
use insta::assert_snapshot;
use reqwest::Method;
use serde_json::{Value, json};

use crate::app;

/// What the page needs, by the extensions of the files.
const TYPES: [(&str, &str); 3] =
    [("css", "text/css; charset=utf-8"), ("js", "text/javascript; charset=utf-8"), ("png", "image/png")];

fn checkout() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn viewer(file: &str) -> String {
    std::fs::read_to_string(checkout().join("components/ops/viewer").join(file)).unwrap()
}

async fn get(path: &str) -> Answer {
    app().await.anonymous().get(path).await.unwrap()
}

/// What a page's `href` and `src` name.
fn references(page: &str) -> Vec<&str> {
    let values = ["href=\"", "src=\""].into_iter().flat_map(|attribute| page.split(attribute).skip(1));
    values.map(|rest| rest.split('"').next().unwrap()).collect()
}

#[tokio::test]
async fn a_process_that_serves_is_alive() {
    assert_snapshot!(app().await.anonymous().get("/healthz").await.unwrap(), @r#"
    200 {
      "status": "ok"
    }
    "#);
}

#[tokio::test]
async fn a_service_that_has_all_it_needs_is_ready() {
    // One of its own: tests that share one come through proxies that are not trusted.
    let app = App::start().await.unwrap();
    assert_snapshot!(app.anonymous().get("/readyz").await.unwrap(), @r#"
    200 {
      "status": "ok"
    }
    "#);
    app.stop().await.unwrap();
}

#[tokio::test]
async fn an_unknown_path_is_404_in_the_contracts_shape() {
    let anonymous = app().await.anonymous();
    let answer = anonymous.get("/no/such/thing").await.unwrap();
    assert_snapshot!(answer, @r#"
    404 {
      "code": "not_found",
      "detail": "There is no such route",
      "request_id": "[uuid]"
    }
    "#);
    for path in [
        "/",
        "/api",
        "/api/auth",
        "/api/auth/",
        "/api/auth/nothing",
        "/api/users",
        "/.well-known/",
        "/healthz//",
        "/HEALTHZ",
    ] {
        assert_eq!(anonymous.get(path).await.unwrap().to_string(), answer.to_string(), "{path}");
    }
}

#[tokio::test]
async fn the_openapi_document_is_served_as_it_is_checked_in() {
    let answer = get("/api/openapi.json").await;
    assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, "application/json"));
    assert_eq!(answer.body, std::fs::read_to_string(checkout().join("docs/openapi.json")).unwrap());
    assert!(answer.json()["openapi"].as_str().unwrap().starts_with("3.1."));
}

#[tokio::test]
async fn the_page_may_load_and_reach_nothing_but_what_is_served_here() {
    let page = get("/api/docs").await;
    assert_eq!((page.status.as_u16(), page.header("content-type")), (200, "text/html; charset=utf-8"));
    assert_snapshot!(
        page.header("content-security-policy").replace("; ", ";\n"),
        @"
    default-src 'none';
    script-src 'self';
    style-src 'self' 'unsafe-inline';
    img-src 'self' data:;
    connect-src 'self';
    base-uri 'none';
    form-action 'none';
    frame-ancestors 'none'
    "
    );
    // It would run nothing that is written into the page.
    assert_eq!(page.body.matches("<script").count(), page.body.matches("<script src=").count());
    let (style, start) = (viewer("swagger-ui.css") + viewer("index.css").as_str(), viewer("start.js"));
    assert!(references(&page.body).iter().all(|reference| reference.starts_with("/api/")), "{}", page.body);
    assert!(!page.body.contains("://") && !start.contains("://"));
    assert!(start.contains("validatorUrl: null"), "its default is a host of somebody else's");
    let loaded: Vec<_> = style.split("url(").skip(1).map(|rest| rest.trim_start_matches('"')).collect();
    assert!(loaded.iter().all(|address| address.starts_with("data:")), "the style sheet loads something");
    assert!(!style.contains("@import") && !style.contains("sourceMappingURL"));
    assert!(!viewer("swagger-ui-bundle.js").contains("sourceMappingURL"));
}

#[tokio::test]
async fn every_file_that_the_page_names_is_served() {
    let page = get("/api/docs").await.body;
    let (documents, files): (Vec<_>, Vec<_>) =
        references(&page).into_iter().partition(|reference| *reference == "/api/openapi.json");
    assert!(!documents.is_empty() && viewer("start.js").contains(&format!("url: \"{}\"", documents[0])));
    assert!(files.len() >= 5, "{files:?}");
    let anonymous = app().await.anonymous();
    for path in files {
        let response = anonymous.request(Method::GET, path).send().await.unwrap();
        let header = |name: &str| response.headers().get(name).map_or("", |value| value.to_str().unwrap()).to_owned();
        let (_, extension) = path.rsplit_once('.').unwrap();
        let (_, content_type) = TYPES.iter().find(|(known, _)| *known == extension).unwrap();
        assert_eq!((response.status().as_u16(), header("content-type").as_str()), (200, *content_type), "{path}");
        assert_eq!(header("x-content-type-options"), "nosniff", "{path}");
        let (length, is_gzip) = (header("content-length"), header("content-encoding") == "gzip");
        let sent = response.bytes().await.unwrap();
        assert_eq!(length, sent.len().to_string(), "{path}");
        let mut plain = Vec::new();
        if is_gzip {
            GzDecoder::new(&sent[..]).read_to_end(&mut plain).unwrap();
        } else {
            plain.extend_from_slice(&sent);
        }
        let file = checkout().join("components/ops/viewer").join(path.strip_prefix("/api/docs/").unwrap());
        assert!(plain == std::fs::read(file).unwrap(), "{path} is not the file that is checked in");
    }
}

#[tokio::test]
async fn the_licences_of_the_viewer_are_served_with_it() {
    for file in ["LICENSE", "NOTICE", "swagger-ui-bundle.js.LICENSE.txt"] {
        let answer = get(&format!("/api/docs/{file}")).await;
        assert_eq!(answer.header("content-type"), "text/plain; charset=utf-8", "{file}");
        assert_eq!(answer.body, viewer(file), "{file}");
    }
}

#[tokio::test]
async fn who_has_a_file_is_not_sent_it_again() {
    let anonymous = app().await.anonymous();
    for path in ["/api/openapi.json", "/api/docs", "/api/docs/start.js", "/api/docs/swagger-ui-bundle.js"] {
        let first = anonymous.get(path).await.unwrap();
        let (etag, caching) = (first.header("etag"), first.header("cache-control"));
        // It is asked for each time, so that an upgrade shows at once.
        assert_eq!((first.status.as_u16(), caching), (200, "no-cache"), "{path}");
        assert!(etag.starts_with('"') && etag.ends_with('"') && etag.len() == 34, "{path}: {etag}");
        let again = anonymous.request(Method::GET, path).header("if-none-match", etag);
        let again = anonymous.send(again).await.unwrap();
        assert_eq!((again.status.as_u16(), again.body.as_str()), (304, ""), "{path}");
        assert_eq!((again.header("etag"), again.header("cache-control")), (etag, "no-cache"), "{path}");
        let other = anonymous.request(Method::GET, path).header("if-none-match", "\"another\"");
        assert_eq!(anonymous.send(other).await.unwrap().status, 200, "{path}");
        let head = anonymous.send(anonymous.request(Method::HEAD, path)).await.unwrap();
        assert_eq!((head.status.as_u16(), head.body.as_str()), (200, ""), "{path}");
        for name in ["content-length", "content-type", "etag"] {
            assert_eq!(head.header(name), first.header(name), "{path}: {name}");
        }
    }
}

#[tokio::test]
async fn a_file_that_is_not_on_the_list_is_404_in_the_contracts_shape() {
    let unknown = get("/no/such/thing").await;
    for file in
        ["nothing.js", "index.html", "README.md", "start.js//", "START.JS", "..%2fopenapi.json", "%2e%2e", "%ff"]
    {
        assert_eq!(get(&format!("/api/docs/{file}")).await.to_string(), unknown.to_string(), "{file:?}");
    }
}

#[tokio::test]
async fn one_may_sign_in_from_the_page_with_email_and_password() {
    let app = app().await;
    let (anonymous, email) = (app.anonymous(), app.user().await.unwrap().email);
    let document = get("/api/openapi.json").await.json();
    let flow = &document["components"]["securitySchemes"]["password"]["flows"]["password"];
    // What Swagger UI sends: it has a client's name and secret for everybody, here empty ones.
    let form = format!("grant_type=password&username={}&password={}", email.replace('@', "%40"), Caller::PASSWORD);
    let request = anonymous
        .request(Method::POST, flow["tokenUrl"].as_str().unwrap())
        .header("authorization", "Basic Og==")
        .header("content-type", "application/x-www-form-urlencoded")
        .header("x-requested-with", "XMLHttpRequest");
    let answer = anonymous.send(request.body(form)).await.unwrap();
    assert_eq!((answer.status.as_u16(), &answer.json()["token_type"]), (200, &json!("bearer")), "{answer}");
    let me = anonymous.with_token(answer.json()["access_token"].as_str().unwrap()).get("/api/users/me").await.unwrap();
    assert_eq!((me.status.as_u16(), &me.json()["email"]), (200, &json!(email)));
}

#[tokio::test]
async fn the_cookie_and_the_password_flow_are_offered_wherever_a_token_is_asked_for() {
    let document = get("/api/openapi.json").await.json();
    let paths = document["paths"].as_object().unwrap().values();
    let operations = paths.flat_map(|methods| methods.as_object().unwrap().values());
    let asked: Vec<_> = operations.filter(|operation| operation["security"][0].get("bearer").is_some()).collect();
    assert!(!asked.is_empty());
    for operation in asked {
        let expected: Value = match operation["operationId"].as_str() {
            // Whose access cookie is missing may sign out all the same.
            Some("auth.logout") => {
                json!([{"bearer": []}, {"refresh_cookie": []}, {"cookie": []}, {"password": []}])
            }
            _ => json!([{"bearer": []}, {"cookie": []}, {"password": []}]),
        };
        assert_eq!(operation["security"], expected, "{}", operation["operationId"]);
    }
}
