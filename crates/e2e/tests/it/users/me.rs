//! GET /api/users/me.

use insta::assert_snapshot;
use serde_json::json;

use crate::app;

#[tokio::test]
async fn who_is_signed_in_is_told_who_they_are() {
    let user = app().await.user().await.unwrap();
    let answer = user.get("/api/users/me").await.unwrap();
    assert_snapshot!(answer, @r#"
    200 {
      "created_at": "[time]",
      "email": "[email]",
      "email_verified": false,
      "full_name": null,
      "id": "[uuid]",
      "is_active": true,
      "last_login_at": "[time]",
      "mfa_enabled": false,
      "role": "user",
      "updated_at": "[time]"
    }
    "#);
    assert_eq!(answer.json()["email"], json!(user.email));
}

#[tokio::test]
async fn a_deactivated_user_is_out_at_once() {
    let app = app().await;
    let user = app.user().await.unwrap();
    app.database().execute("update users set is_active = false where email = $1", &user.email).await.unwrap();
    assert_snapshot!(user.get("/api/users/me").await.unwrap(), @r#"
    401 {
      "code": "session_ended",
      "detail": "The session has ended: please sign in again",
      "request_id": "[uuid]"
    }
    "#);
}

#[tokio::test]
async fn the_role_that_counts_is_the_one_in_the_database() {
    let app = app().await;
    let user = app.user().await.unwrap();
    app.database().execute("update users set role = 'admin' where email = $1", &user.email).await.unwrap();
    assert_eq!(user.get("/api/users/me").await.unwrap().json()["role"], json!("admin"));
}

#[tokio::test]
async fn a_token_dies_with_its_session_and_with_no_other() {
    let app = app().await;
    let first = app.user().await.unwrap();
    let second = app.sign_in(&first.email).await.unwrap();
    let oldest = "delete from sessions where id = (select s.id from sessions s join users u on u.id = s.user_id
                  where u.email = $1 order by s.created_at limit 1)";
    assert_eq!(app.database().execute(oldest, &first.email).await.unwrap(), 1);
    assert_eq!(first.get("/api/users/me").await.unwrap().code(), "session_ended");
    assert_eq!(second.get("/api/users/me").await.unwrap().status, 200);

    let expire = "update sessions set expires_at = now() from users u where u.id = user_id and u.email = $1";
    assert_eq!(app.database().execute(expire, &first.email).await.unwrap(), 1);
    assert_eq!(second.get("/api/users/me").await.unwrap().code(), "session_ended");
}
