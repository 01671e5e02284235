//! DELETE /api/admin/users/{id}/sessions.

use insta::assert_snapshot;
use uuid::Uuid;

use super::sessions;
use crate::{admin, app, replica};

const ME: &str = "/api/users/me";

#[tokio::test]
async fn somebody_is_signed_out_everywhere() {
    let app = app().await;
    let (user, other) = (app.user().await.unwrap(), app.user().await.unwrap());
    let mut browser = app.browser_of(&user.email).await.unwrap();
    let answer = admin().await.delete(&sessions(&user.id().await.unwrap())).await.unwrap();
    assert_eq!((answer.status.as_u16(), answer.body.as_str()), (204, ""));
    assert_eq!(user.get(ME).await.unwrap().code(), "session_ended");
    assert_eq!(user.at(replica().await).get(ME).await.unwrap().code(), "session_ended");
    assert_eq!(browser.post("/api/auth/refresh").await.unwrap().code(), "session_ended");
    assert_eq!(other.get(ME).await.unwrap().status, 200);
    // The account is as it was: its owner may sign in again.
    assert_eq!(app.sign_in(&user.email).await.unwrap().get(ME).await.unwrap().status, 200);
}

#[tokio::test]
async fn an_administrator_may_end_their_own() {
    let admin = app().await.admin().await.unwrap();
    let path = sessions(&admin.id().await.unwrap());
    assert_eq!(admin.delete(&path).await.unwrap().status, 204);
    assert_eq!(admin.delete(&path).await.unwrap().code(), "session_ended");
}

#[tokio::test]
async fn somebody_who_has_none_is_told_from_nobody() {
    let user = app().await.user().await.unwrap();
    let path = sessions(&user.id().await.unwrap());
    for _ in 0..2 {
        assert_eq!(admin().await.delete(&path).await.unwrap().status, 204);
    }
    assert_snapshot!(admin().await.delete(&sessions(&Uuid::new_v4().to_string())).await.unwrap(), @r#"
    404 {
      "code": "user_not_found",
      "detail": "There is no such user",
      "request_id": "[uuid]"
    }
    "#);
    assert_eq!(admin().await.delete(&sessions("nonsense")).await.unwrap().refused(), ["path.id"]);
}
