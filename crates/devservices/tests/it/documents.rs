//! Whose documents are seen by whom, lists and deletion.

use std::os::unix::fs::PermissionsExt as _;

use http::Method;
use serde_json::json;
use uuid::Uuid;

use crate::support::{Desk, expect, files, id};

#[tokio::test]
async fn documents_are_listed_newest_first_up_to_the_limit() {
    let user = Desk::start().await.user();
    for name in ["one", "two", "three"] {
        user.upload(name, name).await;
    }
    assert_eq!(user.names("/documents").await, ["three", "two", "one"]);
    assert_eq!(user.names("/documents?limit=2&category=").await, ["three", "two"]);
    for query in ["limit=0", "limit=201", "limit=x", "category=x"] {
        let answer = expect(422, user.get(&format!("/documents?{query}"))).await;
        assert!(answer["detail"].is_string(), "{answer}");
    }
}

#[tokio::test]
async fn a_deleted_document_is_gone_from_the_disk_too() {
    let desk = Desk::start().await;
    let user = desk.user();
    let document = user.upload("a", "abc").await;
    let path = format!("/documents/{}", id(&document));
    assert_eq!(files(desk.folder.path()).len(), 2);
    expect(204, user.delete(&path)).await;
    for request in [user.delete(&path), user.get(&path), user.get(&format!("{path}/content"))] {
        expect(404, request).await;
    }
    assert_eq!(user.names("/documents").await, Vec::<String>::new());
    assert_eq!(files(desk.folder.path()), Vec::<String>::new());
}

#[tokio::test]
async fn nobody_sees_or_deletes_the_documents_of_another() {
    let desk = Desk::start().await;
    let (owner, other) = (desk.user(), desk.user());
    let document = owner.upload("a", "abc").await;
    let path = format!("/documents/{}", id(&document));
    assert_eq!(other.names("/documents").await, Vec::<String>::new());
    for request in [other.get(&path), other.get(&format!("{path}/content")), other.delete(&path)] {
        assert_eq!(expect(404, request).await, json!({ "detail": "Not found" }));
    }
    assert_eq!(owner.names("/documents").await, ["a"]);
}

#[tokio::test]
async fn a_request_that_names_no_caller_is_refused() {
    let desk = Desk::start().await;
    let http = reqwest::Client::new();
    let id = Uuid::now_v7();
    for path in
        ["/documents", "/documents/categories", &format!("/documents/{id}"), &format!("/documents/{id}/content")]
    {
        let request = || http.get(format!("{}{path}", desk.origin));
        expect(401, request()).await;
        expect(401, request().header("x-user-id", "../somebody")).await;
        expect(401, request().header("x-user-id", id.to_string()).header("x-user-id", id.to_string())).await;
    }
    expect(401, http.post(format!("{}/documents", desk.origin)).header("x-file-name", "a").body("abc")).await;
}

#[tokio::test]
async fn what_is_not_there_is_said_in_json() {
    let desk = Desk::start().await;
    let user = desk.user();
    for path in ["/", "/documents/none", "/documents/..%2f..%2flock", "/documents/none/content"] {
        assert_eq!(expect(404, user.get(path)).await, json!({ "detail": "Not found" }));
    }
    let answer = user.request(Method::PUT, "/documents").send().await.unwrap();
    assert_eq!(answer.status(), 405);
    assert_eq!(answer.headers()["allow"], "GET,HEAD,POST");
    assert_eq!(expect(200, user.get("/health")).await, json!({ "status": "ok" }));
}

#[tokio::test]
async fn only_the_user_of_the_machine_may_look_into_the_files() {
    let desk = Desk::start().await;
    let user = desk.user();
    user.upload("a", "abc").await;
    expect(201, user.post("/documents/categories").json(&json!({ "name": "a" }))).await;
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let owner = desk.folder.path().join(user.id.to_string());
    assert_eq!((mode(desk.folder.path()), mode(&owner)), (0o700, 0o700));
    for file in files(desk.folder.path()) {
        assert_eq!(mode(&owner.join(&file)), 0o600, "{file}");
    }
}
