//! GET /api/admin/users/{id}/sessions.

use insta::assert_snapshot;
use serde_json::json;
use uuid::Uuid;

use super::sessions;
use crate::{admin, app};

#[tokio::test]
async fn administrators_see_where_somebody_is_signed_in() {
    let app = app().await;
    let user = app.user().await.unwrap();
    app.browser_of(&user.email).await.unwrap();
    let answer = admin().await.get(&sessions(&user.id().await.unwrap())).await.unwrap();
    assert_snapshot!(answer, @r#"
    200 [
      {
        "created_at": "[time]",
        "current": false,
        "expires_at": "[time]",
        "id": "[uuid]",
        "ip": "127.0.0.1",
        "last_used_at": "[time]",
        "user_agent": null
      },
      {
        "created_at": "[time]",
        "current": false,
        "expires_at": "[time]",
        "id": "[uuid]",
        "ip": "127.0.0.1",
        "last_used_at": "[time]",
        "user_agent": null
      }
    ]
    "#);
    assert_eq!(answer.header("x-total-count"), "2");
}

#[tokio::test]
async fn their_own_session_is_the_current_one() {
    let admin = app().await.admin().await.unwrap();
    let answer = admin.get(&sessions(&admin.id().await.unwrap())).await.unwrap();
    let current: Vec<_> = answer.json().as_array().unwrap().iter().map(|it| it["current"].clone()).collect();
    // The one before was the account's when it was not yet an administrator's.
    assert_eq!(current, [json!(true), json!(false)]);
}

#[tokio::test]
async fn they_are_listed_page_by_page() {
    let app = app().await;
    let user = app.user().await.unwrap();
    for _ in 0..2 {
        app.sign_in(&user.email).await.unwrap();
    }
    let pages = admin().await.pages(&format!("{}?limit=1", sessions(&user.id().await.unwrap()))).await.unwrap();
    let ids: Vec<_> = pages.iter().map(|page| page.json()[0]["id"].to_string()).collect();
    assert_eq!((pages.len(), pages[2].header("x-total-count")), (3, "3"));
    assert!(ids[0] != ids[1] && ids[1] != ids[2] && ids[0] != ids[2], "{ids:?}");
}

#[tokio::test]
async fn somebody_who_has_none_is_told_from_nobody() {
    let app = app().await;
    let user = app.user().await.unwrap();
    let id = user.id().await.unwrap();
    assert_eq!(user.post("/api/auth/logout", &json!({})).await.unwrap().status, 204);
    let answer = admin().await.get(&sessions(&id)).await.unwrap();
    assert_eq!((answer.status.as_u16(), answer.json(), answer.header("x-total-count")), (200, json!([]), "0"));
    let nobody = admin().await.get(&sessions(&Uuid::new_v4().to_string())).await.unwrap();
    assert_eq!((nobody.status.as_u16(), nobody.code().as_str()), (404, "user_not_found"));
    assert_eq!(admin().await.get(&sessions("nonsense")).await.unwrap().refused(), ["path.id"]);
}
