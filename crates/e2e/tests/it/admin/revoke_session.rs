//! DELETE /api/admin/users/{id}/sessions/{session_id}.

use e2e::Caller;
use insta::assert_snapshot;
use uuid::Uuid;

use super::sessions;
use crate::{admin, app};

const ME: &str = "/api/users/me";

/// The id of the newest session of somebody.
async fn newest(user: &Caller) -> String {
    let answer = user.get("/api/auth/sessions").await.unwrap();
    answer.json()[0]["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn somebody_is_signed_out_of_one_session() {
    let app = app().await;
    let first = app.user().await.unwrap();
    let second = app.sign_in(&first.email).await.unwrap();
    let path = format!("{}/{}", sessions(&first.id().await.unwrap()), newest(&second).await);
    assert_eq!(admin().await.delete(&path).await.unwrap().status, 204);
    assert_eq!(second.get(ME).await.unwrap().code(), "session_ended");
    assert_eq!(first.get(ME).await.unwrap().status, 200);
    assert_snapshot!(admin().await.delete(&path).await.unwrap(), @r#"
    404 {
      "code": "session_not_found",
      "detail": "They have no such session",
      "request_id": "[uuid]"
    }
    "#);
}

#[tokio::test]
async fn a_session_is_found_with_whom_it_belongs_to_only() {
    let app = app().await;
    let (user, other) = (app.user().await.unwrap(), app.user().await.unwrap());
    let session = newest(&user).await;
    for id in [other.id().await.unwrap(), Uuid::new_v4().to_string()] {
        let answer = admin().await.delete(&format!("{}/{session}", sessions(&id))).await.unwrap();
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (404, "session_not_found"));
    }
    assert_eq!(user.get(ME).await.unwrap().status, 200);
    let nonsense = admin().await.delete(&format!("{}/x", sessions("x"))).await.unwrap();
    assert_eq!(nonsense.refused(), ["path.id", "path.session_id"]);
}
