//! Uploading.

use serde_json::json;
use uuid::Uuid;

use crate::support::{Desk, expect, files, form, id};

const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

#[tokio::test]
async fn a_form_becomes_a_document() {
    let desk = Desk::start().await;
    let user = desk.user();
    let request = form(
        user.post("/documents"),
        &[
            ("name=\"note\"", "passed over"),
            ("name=\"file\"; filename=\"Bericht ä.pdf\"\r\ncontent-type: application/pdf", "abc"),
            ("name=\"category\"", ""),
        ],
    );
    let document = expect(201, request).await;
    let expected = json!({
        "id": id(&document),
        "owner_id": user.id,
        "name": "Bericht ä.pdf",
        "category": null,
        "content_type": "application/pdf",
        "size": 3,
        "sha256": ABC,
        "groups": [],
        "created_at": document["created_at"],
    });
    assert_eq!(document, expected);
    assert!(Uuid::try_parse(id(&document)).is_ok());
    let created_at = document["created_at"].as_str().unwrap();
    assert!(created_at.len() == 24 && created_at.ends_with('Z'), "{created_at}");
    assert_eq!(expect(200, user.get(&format!("/documents/{}", id(&document)))).await, expected);
}

#[tokio::test]
async fn a_body_of_its_own_becomes_a_document_of_the_name_in_the_header() {
    let user = Desk::start().await.user();
    let document =
        expect(201, user.raw("R%C3%A9sum%C3%A9%20%2Fa.txt", "abc").header("content-type", "text/plain")).await;
    assert_eq!(document["name"], "a.txt");
    assert_eq!(document["content_type"], "text/plain");
    assert_eq!(document["sha256"], ABC);
    assert_eq!(user.upload("R%C3%A9sum%C3%A9", "abc").await["name"], "Résumé");
    assert_eq!(user.upload("empty", "").await["size"], 0);
    assert_eq!(user.upload("a", "a").await["content_type"], "application/octet-stream");
}

#[tokio::test]
async fn a_refused_upload_leaves_nothing() {
    let desk = Desk::start().await;
    let user = desk.user();
    let file = ("name=\"file\"; filename=\"a\"", "abc");
    for (status, request) in [
        (415, user.post("/documents").body("abc")),
        (422, user.raw("%FF", "abc")),
        (422, user.raw("%00", "abc")),
        (422, user.raw("", "abc")),
        (422, form(user.post("/documents"), &[])),
        (422, form(user.post("/documents"), &[("name=\"category\"", "")])),
        (422, form(user.post("/documents"), &[("name=\"file\"", "without a name")])),
        (422, form(user.post("/documents"), &[file, file])),
        (422, form(user.post("/documents"), &[file, ("name=\"category\"", "none")])),
        (422, form(user.post("/documents"), &[file, ("name=\"category\"", &Uuid::now_v7().to_string())])),
        (422, user.raw("a", "abc").header("content-type", "multipart/form-data; boundary=LINE")),
        (422, user.post("/documents?category=none").header("x-file-name", "a").body("abc")),
    ] {
        let answer = expect(status, request).await;
        assert!(answer["detail"].is_string(), "{answer}");
    }
    assert_eq!(files(desk.folder.path()), Vec::<String>::new());
}

#[tokio::test]
async fn a_form_that_breaks_off_leaves_nothing() {
    let desk = Desk::start().await;
    let user = desk.user();
    let begun = "--LINE\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\nabc";
    let request = user.post("/documents").header("content-type", "multipart/form-data; boundary=LINE").body(begun);
    expect(422, request).await;
    assert_eq!(files(desk.folder.path()), Vec::<String>::new());
}
