//! Sharing within groups, with the documents service for development behind: who is in a group is Frontdesk's to say.

use std::future::IntoFuture as _;
use std::net::Ipv4Addr;
use std::time::Duration;

use devservices::documents::{self, Documents};
use devservices::settings::Settings;
use e2e::{App, Caller};
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;

/// Serves documents from this folder until the test ends, and tells where.
async fn documents_service(folder: &TempDir) -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let documents = Documents::open(folder.path(), Settings::new(None, "documents", Duration::ZERO)).unwrap();
    tokio::spawn(axum::serve(listener, documents::router(documents)).into_future());
    origin
}

async fn send(caller: &Caller, method: Method, path: &str) -> u16 {
    caller.send(caller.request(method, path)).await.unwrap().status.as_u16()
}

async fn names(caller: &Caller) -> Vec<String> {
    let answer = caller.get("/api/documents").await.unwrap();
    assert_eq!(answer.status, 200, "{answer}");
    let name = |document: &Value| document["name"].as_str().unwrap().to_owned();
    answer.json().as_array().unwrap().iter().map(name).collect()
}

#[tokio::test]
async fn who_is_in_the_group_reads_what_is_shared_with_it_as_long_as_they_are_in_it() {
    let folder = TempDir::new().unwrap();
    let origin = documents_service(&folder).await;
    let app = App::builder().variable("documents_upstream", origin).start().await.unwrap();
    let admin = app.admin().await.unwrap();
    let (owner, member, stranger) = (app.user().await.unwrap(), app.user().await.unwrap(), app.user().await.unwrap());
    let group = admin.post("/api/admin/groups", &json!({"name": "Sales"})).await.unwrap().json();
    let group = format!("/api/admin/groups/{}", group["id"].as_str().unwrap());
    for person in [&owner, &member] {
        assert_eq!(send(&admin, Method::POST, &format!("{group}/members/{}", person.id().await.unwrap())).await, 201);
    }
    let upload = owner.request(Method::POST, "/api/documents").header("x-file-name", "offer.txt").body("12 chairs");
    let document = owner.send(upload).await.unwrap().json();
    let document = format!("/api/documents/{}", document["id"].as_str().unwrap());
    let content = format!("{document}/content");
    let share = format!("{document}/groups/{}", group.rsplit('/').next().unwrap());
    assert_eq!(send(&stranger, Method::PUT, &share).await, 403);
    assert_eq!(send(&owner, Method::PUT, &share).await, 204);

    assert_eq!((names(&member).await, names(&stranger).await), (vec!["offer.txt".to_owned()], vec![]));
    assert_eq!(member.get(&content).await.unwrap().body, "12 chairs");
    // What the client claims is not believed.
    let id = group.rsplit('/').next().unwrap();
    for claim in ["x-user-groups", "x-user_groups"] {
        let claimed = stranger.request(Method::GET, &content).header(claim, id);
        assert_eq!(stranger.send(claimed).await.unwrap().status, 404, "{claim}");
    }

    assert_eq!(send(&admin, Method::DELETE, &format!("{group}/members/{}", member.id().await.unwrap())).await, 204);
    assert_eq!(send(&member, Method::GET, &content).await, 404);
    assert_eq!(send(&admin, Method::POST, &format!("{group}/members/{}", stranger.id().await.unwrap())).await, 201);
    assert_eq!(send(&stranger, Method::GET, &content).await, 200);
    assert_eq!(send(&admin, Method::DELETE, &group).await, 204);
    assert_eq!(send(&stranger, Method::GET, &content).await, 404);
    assert_eq!(names(&owner).await, ["offer.txt"]);
    app.stop().await.unwrap();
}
