//! GET /api/profile.

use e2e::{App, Caller};
use insta::assert_snapshot;
use serde_json::json;

use super::{PROFILE, profile};
use crate::app;

#[tokio::test]
async fn everybody_has_a_profile_from_registration_on() {
    let user = app().await.user().await.unwrap();
    let answer = user.get(PROFILE).await.unwrap();
    assert_snapshot!(answer, @r#"
    200 {
      "address": null,
      "avatar_url": null,
      "bio": null,
      "department": null,
      "full_name": null,
      "job_title": null,
      "locale": null,
      "phone": null,
      "timezone": null,
      "updated_at": "[time]",
      "user_id": "[uuid]"
    }
    "#);
    assert_eq!(answer.json()["user_id"], json!(user.id().await.unwrap()));
    assert_eq!(profile(&user).await, answer.json());
}

#[tokio::test]
async fn the_name_is_the_one_of_the_registration() {
    let app = app().await;
    let email = App::new_email();
    let body = json!({"email": email, "password": Caller::PASSWORD, "full_name": "Ada Lovelace"});
    assert_eq!(app.anonymous().post("/api/auth/register", &body).await.unwrap().status, 201);
    assert_eq!(profile(&app.sign_in(&email).await.unwrap()).await["full_name"], json!("Ada Lovelace"));
}

#[tokio::test]
async fn everybody_sees_their_own() {
    let app = app().await;
    let (ada, grace) = (app.user().await.unwrap(), app.user().await.unwrap());
    ada.put(PROFILE, &json!({"phone": "1", "full_name": "Ada"})).await.unwrap();
    grace.put(PROFILE, &json!({"phone": "2", "full_name": "Grace"})).await.unwrap();
    for (user, phone, name) in [(&ada, "1", "Ada"), (&grace, "2", "Grace")] {
        let profile = profile(user).await;
        assert_eq!((&profile["phone"], &profile["full_name"]), (&json!(phone), &json!(name)));
    }
}
