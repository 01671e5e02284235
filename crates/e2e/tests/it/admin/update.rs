//! PATCH /api/admin/users/{id}.

use e2e::{Answer, App, Caller};
use insta::assert_snapshot;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{USERS, path, until_waiting};
use crate::{admin, app, new_person, replica};

/// Changes somebody of the shared host.
async fn update(id: &str, body: Value) -> Answer {
    admin().await.patch(&path(id), &body).await.unwrap()
}

/// Their id.
fn id(person: &Value) -> String {
    person["id"].as_str().unwrap().to_owned()
}

/// What becomes of a caller's next request.
async fn now(caller: &Caller) -> (u16, String) {
    let answer = caller.get("/api/users/me").await.unwrap();
    (answer.status.as_u16(), answer.code())
}

/// Makes it look as if somebody had been made and changed a day ago, so that what changes now is later.
async fn age(person: &Value) -> Value {
    let statement =
        "update users set created_at = created_at - interval '1 day', updated_at = updated_at - interval '1 day'
                     where email = $1";
    let email = person["email"].as_str().unwrap();
    assert_eq!(app().await.database().execute(statement, email).await.unwrap(), 1);
    update(&id(person), json!({})).await.json()
}

#[tokio::test]
async fn what_is_present_changes_and_the_rest_stays() {
    let person = age(&new_person(Some("Ada")).await).await;
    let answer = update(&id(&person), json!({"is_active": false})).await;
    assert_snapshot!(answer, @r#"
    200 {
      "created_at": "[time]",
      "email": "[email]",
      "email_verified": false,
      "full_name": "Ada",
      "id": "[uuid]",
      "is_active": false,
      "last_login_at": null,
      "mfa_enabled": false,
      "role": "user",
      "updated_at": "[time]"
    }
    "#);
    let deactivated = answer.json();
    for field in ["id", "email", "created_at"] {
        assert_eq!(deactivated[field], person[field]);
    }
    assert!(deactivated["updated_at"].as_str() > person["updated_at"].as_str(), "{answer}");

    let promoted = update(&id(&person), json!({"role": "admin"})).await.json();
    assert_eq!((&promoted["role"], &promoted["is_active"]), (&json!("admin"), &json!(false)));
    let both = update(&id(&person), json!({"role": "user", "is_active": true})).await.json();
    assert_eq!((&both["role"], &both["is_active"]), (&json!("user"), &json!(true)));
}

#[tokio::test]
async fn nothing_present_changes_nothing() {
    let person = age(&new_person(None).await).await;
    for body in [json!({}), json!({"email": "other@example.com", "full_name": "Other", "id": null, "more": {}})] {
        let answer = update(&id(&person), body).await;
        assert_eq!((answer.status.as_u16(), answer.json()), (200, person.clone()));
    }
}

#[tokio::test]
async fn what_was_read_can_be_sent_back() {
    let person = new_person(Some("Ada")).await;
    let mut echo = person.clone();
    echo["role"] = json!("admin");
    echo["email"] = json!("other@example.com");
    let answer = update(&id(&person), echo).await;
    let changed = answer.json();
    assert_eq!((answer.status.as_u16(), &changed["role"]), (200, &json!("admin")), "{answer}");
    assert_eq!(changed["email"], person["email"]);
}

#[tokio::test]
async fn a_deactivated_user_is_out_at_once_and_the_session_stays_dead() {
    let app = app().await;
    let user = app.user().await.unwrap();
    let there = user.at(replica().await);
    let id = user.id().await.unwrap();
    assert_eq!(now(&there).await.0, 200);

    assert_eq!(update(&id, json!({"is_active": false})).await.json()["is_active"], json!(false));
    let ended = (401, "session_ended".to_owned());
    assert_eq!((now(&user).await, now(&there).await), (ended.clone(), ended.clone()));
    let credentials = json!({"username": user.email, "password": Caller::PASSWORD});
    let refused = app.anonymous().post("/api/auth/login", &credentials).await.unwrap();
    assert_eq!((refused.status.as_u16(), refused.code().as_str()), (401, "invalid_credentials"));

    assert_eq!(update(&id, json!({"is_active": true})).await.json()["is_active"], json!(true));
    assert_eq!((now(&user).await, now(&there).await), (ended.clone(), ended));
    assert_eq!(now(&app.sign_in(&user.email).await.unwrap()).await.0, 200);
}

#[tokio::test]
async fn what_leaves_an_account_active_ends_no_session() {
    let user = app().await.user().await.unwrap();
    let id = user.id().await.unwrap();
    for body in
        [json!({}), json!({"is_active": true}), json!({"role": "admin"}), json!({"role": "user", "is_active": true})]
    {
        assert_eq!(update(&id, body).await.status, 200);
        assert_eq!(now(&user).await.0, 200);
    }
}

#[tokio::test]
async fn a_role_counts_from_the_next_request_on() {
    let user = app().await.user().await.unwrap();
    let there = user.at(replica().await);
    let id = user.id().await.unwrap();
    for (role, status) in [("user", 403), ("admin", 200), ("user", 403)] {
        assert_eq!(update(&id, json!({"role": role})).await.json()["role"], json!(role));
        for caller in [&user, &there] {
            let answer = caller.get("/api/admin/users?limit=1").await.unwrap();
            assert_eq!(answer.status, status, "{answer}");
        }
    }
}

#[tokio::test]
async fn an_administrator_may_go_while_there_is_another() {
    let app = app().await;
    let admin = app.admin().await.unwrap();
    let path = path(&admin.id().await.unwrap());
    assert_eq!(admin.patch(&path, &json!({"role": "user"})).await.unwrap().json()["role"], json!("user"));
    let answer = admin.patch(&path, &json!({"role": "admin"})).await.unwrap();
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (403, "admin_required"));

    let admin = app.admin().await.unwrap();
    let path = super::path(&admin.id().await.unwrap());
    assert_eq!(admin.patch(&path, &json!({"is_active": false})).await.unwrap().status, 200);
    let answer = admin.patch(&path, &json!({"is_active": true})).await.unwrap();
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (401, "session_ended"));
}

#[tokio::test]
async fn what_is_no_change_is_refused_and_nothing_is_changed() {
    let person = new_person(None).await;
    assert_snapshot!(update(&id(&person), json!({"role": null, "is_active": null})).await, @r#"
    422 {
      "code": "validation_error",
      "detail": [
        {
          "loc": [
            "body",
            "role"
          ],
          "msg": "role cannot be null",
          "type": "null_not_allowed"
        },
        {
          "loc": [
            "body",
            "is_active"
          ],
          "msg": "is_active cannot be null",
          "type": "null_not_allowed"
        }
      ],
      "request_id": "[uuid]"
    }
    "#);
    let cases: [(Value, &[&str]); 13] = [
        (json!({"role": null, "is_active": false}), &["body.role"]),
        (json!({"role": "admin", "is_active": null}), &["body.is_active"]),
        (json!({"role": "king", "is_active": false}), &["body.role"]),
        (json!({"role": "Admin"}), &["body.role"]),
        (json!({"role": ""}), &["body.role"]),
        (json!({"role": 1}), &["body.role"]),
        (json!({"role": ["admin"]}), &["body.role"]),
        (json!({"role": {"admin": null}}), &["body.role"]),
        (json!({"is_active": "never"}), &["body.is_active"]),
        (json!({"is_active": 2}), &["body.is_active"]),
        (json!({"role": "king", "is_active": ""}), &["body.is_active", "body.role"]),
        (json!([]), &["body"]),
        (json!("admin"), &["body"]),
    ];
    for (body, refused) in cases {
        let answer = update(&id(&person), body.clone()).await;
        assert_eq!(answer.refused(), refused, "{body}: {answer}");
    }
    assert_eq!(update(&id(&person), json!({})).await.json(), person);
}

#[tokio::test]
async fn a_boolean_may_be_a_number_or_a_word() {
    let person = id(&new_person(None).await);
    let off = [json!(false), json!(0), json!(0.0), json!("false"), json!("0"), json!("NO"), json!("Off"), json!("f")];
    let on = [json!(true), json!(1), json!(1.0), json!("True"), json!("1"), json!("yes"), json!("ON"), json!("t")];
    for (off, on) in off.into_iter().zip(on) {
        for (sent, is_active) in [(off, false), (on, true)] {
            let answer = update(&person, json!({"is_active": sent})).await;
            assert_eq!((answer.status.as_u16(), &answer.json()["is_active"]), (200, &json!(is_active)), "{sent}");
        }
    }
    let answer = update(&person, json!({"is_active": "maybe"})).await;
    assert_eq!(answer.json()["detail"][0]["type"], json!("bool_type"), "{answer}");
}

#[tokio::test]
async fn an_unknown_user_is_404_but_only_to_who_asks_for_something_that_could_be() {
    let nobody = Uuid::new_v4().to_string();
    assert_snapshot!(update(&nobody, json!({"is_active": false})).await, @r#"
    404 {
      "code": "user_not_found",
      "detail": "There is no such user",
      "request_id": "[uuid]"
    }
    "#);
    assert_eq!(update(&nobody, json!({})).await.code(), "user_not_found");
    assert_eq!(update(&nobody, json!({"role": "user"})).await.code(), "user_not_found");
    assert_eq!(update(&nobody, json!({"role": "king"})).await.refused(), ["body.role"]);
}

#[tokio::test]
async fn what_is_no_id_is_refused_before_the_body_is_looked_at() {
    assert_snapshot!(update("nonsense", json!({"role": "king"})).await, @r#"
    422 {
      "code": "validation_error",
      "detail": [
        {
          "loc": [
            "path",
            "id"
          ],
          "msg": "This is not a UUID",
          "type": "uuid_parsing"
        }
      ],
      "request_id": "[uuid]"
    }
    "#);
    for id in ["5", "me", "%00", "%ff"] {
        let answer = update(id, json!({})).await;
        assert_eq!(answer.refused(), ["path.id"], "{USERS}/{id}: {answer}");
    }
}

// A deactivation that has begun when a sign-in gets through must not overlook the session of that.
#[tokio::test]
async fn a_session_that_begins_while_its_account_is_deactivated_stays_dead_too() {
    let app = App::start().await.unwrap();
    let (admin, user) = (app.admin().await.unwrap(), app.user().await.unwrap());
    let path = path(&user.id().await.unwrap());
    let mut signed_in = 0;
    for _ in 0..5 {
        let lock = app.database().hold("select from users where role = 'user' for update").await.unwrap();
        let deactivate = async {
            until_waiting(&app, 1).await;
            admin.patch(&path, &json!({"is_active": false})).await.unwrap()
        };
        let release = async {
            until_waiting(&app, 2).await;
            lock.release().await.unwrap();
        };
        let (session, deactivated, ()) = tokio::join!(app.sign_in(&user.email), deactivate, release);
        assert_eq!(deactivated.status, 200, "{deactivated}");
        assert_eq!(admin.patch(&path, &json!({"is_active": true})).await.unwrap().status, 200);
        if let Ok(session) = session {
            signed_in += 1;
            assert_eq!(now(&session).await, (401, "session_ended".to_owned()));
        }
    }
    assert!(signed_in > 0, "the deactivation was always first");
    app.stop().await.unwrap();
}
