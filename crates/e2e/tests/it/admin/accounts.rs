//! Accounts that administrators make, look at, reset and delete.

use e2e::{Answer, App, Caller};
use insta::assert_snapshot;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{USERS, path};
use crate::{admin, app, new_person};

const OWN: &str = "Chosen-Horse";

async fn delete(admin: &Caller, id: &str) -> Answer {
    admin.send(admin.request(Method::DELETE, &path(id))).await.unwrap()
}

async fn login(app: &App, email: &str, password: &str) -> Answer {
    app.anonymous().post("/api/auth/login", &json!({"username": email, "password": password})).await.unwrap()
}

fn token(answer: &Answer) -> String {
    answer.json()["access_token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn an_account_gets_a_password_that_is_told_once_and_must_be_changed() {
    let (app, admin) = (app().await, admin().await);
    let email = App::new_email();
    let made = admin.post(USERS, &json!({"email": email.to_uppercase(), "full_name": " Ada "})).await.unwrap();
    let told = made.json()["one_time_password"].as_str().unwrap().to_owned();
    assert_snapshot!(made.to_string().replace(&told, "[password]"), @r#"
    201 {
      "created_at": "[time]",
      "email": "[email]",
      "email_verified": false,
      "full_name": "Ada",
      "id": "[uuid]",
      "is_active": true,
      "last_login_at": null,
      "mfa_enabled": false,
      "one_time_password": "[password]",
      "role": "user",
      "updated_at": "[time]"
    }
    "#);
    let user = app.anonymous().with_token(&token(&login(app, &email, &told).await));
    // Who they are, and the way out of it; nothing else.
    assert_eq!(user.get("/api/users/me").await.unwrap().status, 200);
    for path in ["/api/profile", "/api/apps", "/api/auth/sessions", "/api/documents/x", "/api/services"] {
        let refused = user.get(path).await.unwrap();
        assert_eq!((refused.status.as_u16(), refused.code().as_str()), (403, "password_change_required"), "{path}");
    }
    let same = json!({"current_password": told, "new_password": told});
    let unchanged = user.post("/api/auth/password/change", &same).await.unwrap();
    assert_eq!(
        (unchanged.status.as_u16(), &unchanged.json()["detail"][0]["type"]),
        (422, &json!("password_unchanged"))
    );
    let change = json!({"current_password": told, "new_password": OWN});
    assert_eq!(user.post("/api/auth/password/change", &change).await.unwrap().status, 204);
    assert_eq!(user.get("/api/profile").await.unwrap().status, 200);
    assert_eq!(login(app, &email, &told).await.status, 401);
    assert_eq!(login(app, &email, OWN).await.status, 200);
    let kept = "select count(*)::text from audit_log a where a::text like '%' || $1 || '%'";
    assert_eq!(app.database().text(kept, &told).await.unwrap(), "0");
}

#[tokio::test]
async fn who_must_change_the_password_can_sign_out() {
    let (app, admin) = (app().await, admin().await);
    let email = App::new_email();
    let body = json!({"email": email, "role": "admin", "password": "Given-Horse"});
    let made = admin.post(USERS, &body).await.unwrap().json();
    assert_eq!((&made["role"], &made["one_time_password"]), (&json!("admin"), &Value::Null));
    let user = app.anonymous().with_token(&token(&login(app, &email, "Given-Horse").await));
    assert_eq!(user.get(USERS).await.unwrap().code(), "password_change_required");
    assert_eq!(user.post("/api/auth/logout", &json!({})).await.unwrap().status, 204);
    assert_eq!(user.get("/api/users/me").await.unwrap().code(), "session_ended");
}

#[tokio::test]
async fn an_account_that_cannot_be_made_is_not() {
    let admin = admin().await;
    let person = new_person(None).await;
    let taken = admin.post(USERS, &json!({"email": person["email"]})).await.unwrap();
    assert_eq!((taken.status.as_u16(), taken.code().as_str()), (409, "email_taken"));
    let body = json!({"email": "nonsense", "full_name": "a".repeat(201), "password": "short"});
    assert_snapshot!(admin.post(USERS, &body).await.unwrap(), @r#"
    422 {
      "code": "validation_error",
      "detail": [
        {
          "loc": [
            "body",
            "email"
          ],
          "msg": "This is not a valid e-mail address",
          "type": "email_invalid"
        },
        {
          "loc": [
            "body",
            "password"
          ],
          "msg": "The password must have at least 8 characters",
          "type": "password_too_short"
        },
        {
          "loc": [
            "body",
            "password"
          ],
          "msg": "The password must contain an upper-case letter",
          "type": "password_no_upper_case"
        },
        {
          "loc": [
            "body",
            "password"
          ],
          "msg": "The password must contain a special character",
          "type": "password_no_special"
        },
        {
          "loc": [
            "body",
            "full_name"
          ],
          "msg": "full_name must have at most 200 characters",
          "type": "string_too_long"
        }
      ],
      "request_id": "[uuid]"
    }
    "#);
    for (field, value) in [("role", json!("owner")), ("role", json!({"admin": null})), ("is_active", json!(false))] {
        let body = json!({"email": App::new_email(), field: value});
        assert_eq!(admin.post(USERS, &body).await.unwrap().status, 422, "{body}");
    }
}

#[tokio::test]
async fn an_account_is_shown() {
    let admin = admin().await;
    let person = new_person(Some("Ada")).await;
    let shown = admin.get(&path(person["id"].as_str().unwrap())).await.unwrap();
    assert_eq!((shown.status.as_u16(), shown.json()), (200, person));
    assert_eq!(admin.get(&path(&Uuid::new_v4().to_string())).await.unwrap().code(), "user_not_found");
}

#[tokio::test]
async fn an_account_goes_with_all_that_is_its_own() {
    let (app, admin) = (app().await, admin().await);
    let user = app.user().await.unwrap();
    let id = user.id().await.unwrap().to_string();
    let group = admin.post("/api/admin/groups", &json!({"name": Uuid::new_v4()})).await.unwrap().json();
    let group = format!("/api/admin/groups/{}", group["id"].as_str().unwrap());
    admin.post(&format!("{group}/members/{id}"), &json!({})).await.unwrap();
    admin.send(admin.request(Method::PUT, &format!("/api/admin/apps/documents/users/{id}"))).await.unwrap();
    let profile = user.put("/api/profile", &json!({"phone": "1"})).await.unwrap();
    assert_eq!(profile.status, 200, "{profile}");
    let gone = delete(&admin, &id).await;
    assert_eq!((gone.status.as_u16(), gone.body.as_str()), (204, ""));
    assert_eq!(user.get("/api/users/me").await.unwrap().code(), "session_ended");
    assert_eq!(delete(&admin, &id).await.code(), "user_not_found");
    assert_eq!(admin.get(&group).await.unwrap().json()["member_count"], 0);
    assert_eq!(login(app, &user.email, Caller::PASSWORD).await.status, 401);
    let told = admin.get(&format!("/api/admin/audit?action=user.deleted&target_id={id}")).await.unwrap().json();
    assert_eq!(told[0]["changes"]["email"], json!([user.email, null]));
}

#[tokio::test]
async fn the_last_active_administrator_is_not_deleted() {
    let app = App::start().await.unwrap();
    let (one, other) = (app.admin().await.unwrap(), app.admin().await.unwrap());
    let (first, second) = (one.id().await.unwrap().to_string(), other.id().await.unwrap().to_string());
    // Each deletes the other at the same moment.
    let (a, b) = tokio::join!(delete(&one, &second), delete(&other, &first));
    let mut statuses = [a.status.as_u16(), b.status.as_u16()];
    statuses.sort_unstable();
    assert!(statuses == [204, 401] || statuses == [204, 409], "{a} {b}");
    let (left, id) = if a.status == 204 { (one, first) } else { (other, second) };
    let refused = delete(&left, &id).await;
    assert_eq!((refused.status.as_u16(), refused.code().as_str()), (409, "last_admin"));
    app.stop().await.unwrap();
}

#[tokio::test]
async fn an_administrator_lets_somebody_choose_a_new_password() {
    let (app, admin) = (app().await, admin().await);
    let user = app.user().await.unwrap();
    let id = user.id().await.unwrap().to_string();
    let reset = format!("{}/password-reset", path(&id));
    let issued = admin.post(&reset, &json!({})).await.unwrap();
    let token = issued.json()["token"].as_str().unwrap().to_owned();
    assert_eq!(issued.status, 201);
    assert_snapshot!(issued.to_string().replace(&token, "[token]"), @r#"
    201 {
      "expires_at": "[time]",
      "token": "[token]"
    }
    "#);
    // Until it is used nothing has changed.
    assert_eq!(user.get("/api/users/me").await.unwrap().status, 200);
    let body = json!({"token": token, "new_password": OWN});
    for status in [204, 400] {
        assert_eq!(app.anonymous().post("/api/auth/password/reset", &body).await.unwrap().status, status);
    }
    assert_eq!(login(app, &user.email, OWN).await.status, 200);
    assert_eq!(user.get("/api/users/me").await.unwrap().code(), "session_ended");
    let patch = admin.request(Method::PATCH, &path(&id)).json(&json!({"is_active": false}));
    admin.send(patch).await.unwrap();
    assert_eq!(admin.post(&reset, &json!({})).await.unwrap().code(), "user_inactive");
    let nobody = format!("{}/password-reset", path(&Uuid::new_v4().to_string()));
    assert_eq!(admin.post(&nobody, &json!({})).await.unwrap().code(), "user_not_found");
}

#[tokio::test]
async fn a_token_ends_with_the_next_one_and_when_the_account_is_locked() {
    let (app, admin) = (app().await, admin().await);
    let user = app.user().await.unwrap();
    let id = user.id().await.unwrap().to_string();
    let issue = async || {
        let issued = admin.post(&format!("{}/password-reset", path(&id)), &json!({})).await.unwrap();
        issued.json()["token"].as_str().unwrap().to_owned()
    };
    let reset = async |token: &str| {
        let body = json!({"token": token, "new_password": OWN});
        app.anonymous().post("/api/auth/password/reset", &body).await.unwrap().status.as_u16()
    };
    let (first, second) = (issue().await, issue().await);
    assert_eq!(reset(&first).await, 400);
    assert_eq!(reset(&second).await, 204);
    let third = issue().await;
    for is_active in [false, true] {
        let changed = admin.patch(&path(&id), &json!({"is_active": is_active})).await.unwrap();
        assert_eq!(changed.status, 200, "{changed}");
    }
    assert_eq!(reset(&third).await, 400);
}

#[tokio::test]
async fn all_users_come_as_a_file_in_the_order_of_the_list() {
    let app = App::start().await.unwrap();
    let admin = app.admin().await.unwrap();
    let many = "insert into users (email, full_name, password_hash)
                select 'person' || lpad(n::text, 4, '0') || '@example.com', case n when 1 then '=1+1' else 'A, \"B\"' end, '-'
                from generate_series(1, 2500) n";
    app.database().raw(many).await.unwrap();
    let export = async |query: &str| {
        let request = admin.request(Method::GET, &format!("{USERS}?{query}")).header("accept", "text/csv");
        admin.send(request).await.unwrap()
    };
    let answer = export("q=person&sort=email").await;
    assert_eq!(answer.header("content-disposition"), "attachment; filename=\"users.csv\"");
    let lines: Vec<_> = answer.body.split("\r\n").collect();
    assert_eq!(lines.len(), 2502);
    assert_eq!(
        lines[0],
        r#""id","email","full_name","role","is_active","email_verified","mfa_enabled","created_at","updated_at","last_login_at""#
    );
    assert!(lines[1].contains(r#","person0001@example.com","'=1+1","user","true","false","false","#), "{}", lines[1]);
    assert!(lines[2500].contains(r#","person2500@example.com","A, ""B""","user","#), "{}", lines[2500]);
    assert_eq!(export("q=person&limit=7").await.body.split("\r\n").count(), 9);
    assert_eq!(export("sort=x").await.status, 422);
    app.stop().await.unwrap();
}

#[tokio::test]
async fn nothing_in_the_schema_is_left_without_what_it_belongs_to() {
    let undecided = "select coalesce(string_agg(conname, ', '), $1) from pg_constraint
                     where contype = 'f' and confdeltype not in ('c', 'n')";
    assert_eq!(app().await.database().text(undecided, "none").await.unwrap(), "none");
}
