//! Categories.

use futures::future::join_all;
use serde_json::json;
use uuid::Uuid;

use crate::support::{Desk, User, expect, form, id};

const PATH: &str = "/documents/categories";

fn create(user: &User, name: &str) -> reqwest::RequestBuilder {
    user.post(PATH).json(&json!({ "name": name }))
}

#[tokio::test]
async fn categories_are_created_listed_and_deleted() {
    let user = Desk::start().await.user();
    let one = expect(201, create(&user, " Invoices ")).await;
    assert_eq!(one, json!({ "id": id(&one), "name": "Invoices", "created_at": one["created_at"] }));
    let two = expect(201, create(&user, "Letters")).await;
    assert_eq!(expect(200, user.get(PATH)).await, json!([two, one]));
    expect(204, user.delete(&format!("{PATH}/{}", id(&one)))).await;
    expect(404, user.delete(&format!("{PATH}/{}", id(&one)))).await;
    assert_eq!(expect(200, user.get(PATH)).await, json!([two]));
}

#[tokio::test]
async fn a_name_is_taken_once_without_case_and_by_each_owner() {
    let desk = Desk::start().await;
    let user = desk.user();
    let requests = ["Äpfel", "äpfel", "ÄPFEL", "Äpfel"].map(|name| create(&user, name).send());
    let answers = join_all(requests).await;
    let mut statuses: Vec<u16> = answers.into_iter().map(|answer| answer.unwrap().status().as_u16()).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409, 409, 409]);
    expect(201, create(&desk.user(), "Äpfel")).await;
}

#[tokio::test]
async fn a_document_in_a_deleted_category_has_none() {
    let user = Desk::start().await.user();
    let category = expect(201, create(&user, "Invoices")).await;
    let file = ("name=\"file\"; filename=\"in a form\"", "abc");
    let document = expect(201, form(user.post("/documents"), &[file, ("name=\"category\"", id(&category))])).await;
    assert_eq!(document["category"], category["id"]);
    let filter = format!("/documents?category={}", id(&category));
    expect(201, user.post(&filter).header("x-file-name", "alone").body("abc")).await;
    user.upload("without", "abc").await;
    assert_eq!(user.names(&filter).await, ["alone", "in a form"]);
    expect(204, user.delete(&format!("{PATH}/{}", id(&category)))).await;
    let document = expect(200, user.get(&format!("/documents/{}", id(&document)))).await;
    assert!(document["category"].is_null());
    assert_eq!(user.names("/documents").await.len(), 3);
    assert_eq!(user.names(&filter).await, Vec::<String>::new());
}

#[tokio::test]
async fn nobody_uses_or_deletes_the_categories_of_another() {
    let desk = Desk::start().await;
    let (owner, other) = (desk.user(), desk.user());
    let category = expect(201, create(&owner, "Invoices")).await;
    assert_eq!(expect(200, other.get(PATH)).await, json!([]));
    expect(404, other.delete(&format!("{PATH}/{}", id(&category)))).await;
    let path = format!("/documents?category={}", id(&category));
    expect(422, other.post(&path).header("x-file-name", "a").body("abc")).await;
    assert_eq!(expect(200, owner.get(PATH)).await, json!([category]));
}

#[tokio::test]
async fn a_body_that_is_no_category_is_refused() {
    let user = Desk::start().await.user();
    for body in [
        json!({}),
        json!([]),
        json!({ "name": " " }),
        json!({ "name": "a\nb" }),
        json!({ "name": "a", "id": Uuid::nil() }),
    ] {
        expect(422, user.post(PATH).json(&body)).await;
    }
    expect(422, create(&user, &"x".repeat(101))).await;
    expect(422, user.post(PATH).header("content-type", "application/json").body("{")).await;
    expect(415, user.post(PATH).body("{\"name\":\"a\"}")).await;
    expect(201, create(&user, &"ä".repeat(100))).await;
}
