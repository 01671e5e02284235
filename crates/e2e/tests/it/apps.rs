//! Apps, who was let into them, and that nobody else uses them (API.md, section 4).

use e2e::{Answer, App, Caller, Upstream};
use insta::assert_snapshot;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::sync::OnceCell;
use uuid::Uuid;

use crate::{admin, app, new_person};

const APPS: &str = "/api/admin/apps";
const FILE: &str = "/api/documents/echo";

/// One with a service behind, in which the documents are for those who were let in.
async fn guarded() -> &'static App {
    static APP: OnceCell<App> = OnceCell::const_new();
    APP.get_or_init(|| async {
        static SERVICE: OnceCell<Upstream> = OnceCell::const_new();
        let service = SERVICE.get_or_init(|| async { Upstream::start().unwrap() }).await;
        let app = App::builder().variable("documents_upstream", service.origin()).start().await.unwrap();
        let change = json!({"default_access": "granted"});
        let path = format!("{APPS}/documents");
        let admin = app.admin().await.unwrap();
        let answer = admin.send(admin.request(Method::PATCH, &path).json(&change)).await.unwrap();
        assert_eq!(answer.status, 200, "{answer}");
        app
    })
    .await
}

async fn send(caller: &Caller, method: Method, path: &str) -> Answer {
    caller.send(caller.request(method, path)).await.unwrap()
}

async fn patch(caller: &Caller, path: &str, body: &Value) -> Answer {
    caller.send(caller.request(Method::PATCH, path).json(body)).await.unwrap()
}

/// A new app that nobody was let into, and its path.
async fn new_app(admin: &Caller) -> (String, String) {
    let key = format!("a{}", Uuid::new_v4());
    let answer = admin.post(APPS, &json!({"key": key, "name": "An app"})).await.unwrap();
    assert_eq!(answer.status, 201, "{answer}");
    let path = format!("{APPS}/{key}");
    (key, path)
}

/// A new group with these people in it.
async fn new_group(admin: &Caller, members: &[&str]) -> String {
    let group = admin.post("/api/admin/groups", &json!({"name": Uuid::new_v4()})).await.unwrap().json();
    let group = group["id"].as_str().unwrap().to_owned();
    for member in members {
        let path = format!("/api/admin/groups/{group}/members/{member}");
        assert_eq!(admin.post(&path, &json!({})).await.unwrap().status, 201);
    }
    group
}

/// Whether a list of apps has one.
async fn sees(caller: &Caller, key: &str) -> bool {
    let answer = caller.get("/api/apps").await.unwrap();
    assert_eq!(answer.status, 200, "{answer}");
    answer.json().as_array().unwrap().iter().any(|app| app["key"] == key)
}

/// What is said of an app when somebody's apps are explained.
async fn explained(admin: &Caller, user: &str, key: &str) -> Value {
    let answer = admin.get(&format!("/api/admin/users/{user}/apps")).await.unwrap();
    assert_eq!(answer.status, 200, "{answer}");
    answer.json().as_array().unwrap().iter().find(|app| app["key"] == key).unwrap().clone()
}

#[tokio::test]
async fn from_the_start_everybody_may_use_the_documents_and_the_assistant() {
    let app = App::start().await.unwrap();
    let user = app.user().await.unwrap();
    assert_snapshot!(user.get("/api/apps").await.unwrap(), @r#"
    200 [
      {
        "description": "Upload, find and share documents",
        "key": "documents",
        "name": "Documents",
        "position": 1,
        "service": {
          "checked_at": null,
          "status": "unknown"
        }
      },
      {
        "description": "Ask the assistant",
        "key": "ai",
        "name": "AI assistant",
        "position": 2,
        "service": {
          "checked_at": null,
          "status": "unknown"
        }
      }
    ]
    "#);
    assert_snapshot!(app.admin().await.unwrap().get(APPS).await.unwrap(), @r#"
    200 [
      {
        "default_access": "everyone",
        "description": "Upload, find and share documents",
        "key": "documents",
        "name": "Documents",
        "position": 1,
        "service_key": "documents"
      },
      {
        "default_access": "everyone",
        "description": "Ask the assistant",
        "key": "ai",
        "name": "AI assistant",
        "position": 2,
        "service_key": "ai"
      }
    ]
    "#);
    app.stop().await.unwrap();
}

#[tokio::test]
async fn an_app_shows_how_its_service_was_when_it_was_asked() {
    let app = App::start().await.unwrap();
    let user = app.user().await.unwrap();
    // Nothing answers there.
    assert_eq!(user.get("/api/services").await.unwrap().status, 200);
    let apps = user.get("/api/apps").await.unwrap().json();
    assert_eq!(apps[0]["service"]["status"], "unhealthy");
    assert!(apps[0]["service"]["checked_at"].is_string());
    app.stop().await.unwrap();
}

#[tokio::test]
async fn an_app_is_made_changed_and_deleted() {
    let admin = admin().await;
    let key = format!("a{}", Uuid::new_v4());
    let body =
        json!({"key": key, "name": " A wiki ", "description": " What we know ", "service_key": "wiki", "position": 7});
    let shown = |answer: Answer| answer.to_string().replace(&key, "[key]");
    assert_snapshot!(shown(admin.post(APPS, &body).await.unwrap()), @r#"
    201 {
      "default_access": "granted",
      "description": "What we know",
      "key": "[key]",
      "name": "A wiki",
      "position": 7,
      "service_key": "wiki"
    }
    "#);
    let taken = admin.post(APPS, &body).await.unwrap();
    assert_eq!((taken.status.as_u16(), taken.code().as_str()), (409, "app_key_taken"));
    let path = format!("{APPS}/{key}");
    let change = json!({"name": "The wiki", "description": null, "service_key": null, "default_access": "everyone", "position": 3});
    assert_snapshot!(shown(patch(&admin, &path, &change).await), @r#"
    200 {
      "default_access": "everyone",
      "description": null,
      "key": "[key]",
      "name": "The wiki",
      "position": 3,
      "service_key": null
    }
    "#);
    assert_eq!(patch(&admin, &path, &json!({})).await.json(), admin.get(&path).await.unwrap().json());
    assert_eq!(send(&admin, Method::DELETE, &path).await.status, 204);
    for method in [Method::GET, Method::DELETE] {
        let gone = send(&admin, method, &path).await;
        assert_eq!((gone.status.as_u16(), gone.code().as_str()), (404, "app_not_found"));
    }
    assert_eq!(patch(&admin, &path, &json!({"name": "x"})).await.code(), "app_not_found");
    let told = admin.get(&format!("/api/admin/audit?target_id={key}")).await.unwrap().json();
    let actions: Vec<_> = told.as_array().unwrap().iter().map(|row| row["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["app.deleted", "app.updated", "app.created"]);
    assert_eq!(told[1]["changes"]["default_access"], json!(["granted", "everyone"]));
}

#[tokio::test]
async fn everything_that_is_wrong_with_an_app_is_listed() {
    let admin = admin().await;
    let body = json!({"key": "A b", "name": " ", "description": "a".repeat(2001), "service_key": "1", "position": -1});
    assert_snapshot!(admin.post(APPS, &body).await.unwrap(), @r#"
    422 {
      "code": "validation_error",
      "detail": [
        {
          "loc": [
            "body",
            "key"
          ],
          "msg": "A key has 1 to 63 of a-z, 0-9 and -, and begins with a letter",
          "type": "key_invalid"
        },
        {
          "loc": [
            "body",
            "name"
          ],
          "msg": "name must not be blank",
          "type": "string_too_short"
        },
        {
          "loc": [
            "body",
            "description"
          ],
          "msg": "description must have at most 2000 characters",
          "type": "string_too_long"
        },
        {
          "loc": [
            "body",
            "service_key"
          ],
          "msg": "A key has 1 to 63 of a-z, 0-9 and -, and begins with a letter",
          "type": "key_invalid"
        },
        {
          "loc": [
            "body",
            "position"
          ],
          "msg": "position is from 0 to 1000000",
          "type": "out_of_range"
        }
      ],
      "request_id": "[uuid]"
    }
    "#);
    assert_eq!(admin.post(APPS, &json!({"key": "a", "name": "a", "default_access": "all"})).await.unwrap().status, 422);
    let (_, path) = new_app(&admin).await;
    let clear = json!({"name": null, "default_access": null, "position": null});
    let refused = patch(&admin, &path, &clear).await;
    assert_eq!((refused.status.as_u16(), refused.json()["detail"].as_array().unwrap().len()), (422, 3));
    let no_key = admin.get(&format!("{APPS}/A_b")).await.unwrap();
    assert_snapshot!(no_key, @r#"
    422 {
      "code": "validation_error",
      "detail": [
        {
          "loc": [
            "path",
            "key"
          ],
          "msg": "A key has 1 to 63 of a-z, 0-9 and -, and begins with a letter",
          "type": "key_invalid"
        }
      ],
      "request_id": "[uuid]"
    }
    "#);
}

#[tokio::test]
async fn what_an_app_does_not_have_is_refused() {
    let admin = admin().await;
    let (_, path) = new_app(&admin).await;
    let key_elsewhere = format!("a{}", Uuid::new_v4());
    for (field, value) in [("defaultAccess", json!("granted")), ("default_access", json!({"everyone": null}))] {
        assert_eq!(patch(&admin, &path, &json!({field: value})).await.status, 422, "{field}");
        let made = admin.post(APPS, &json!({"key": key_elsewhere, "name": "An app", field: value})).await.unwrap();
        assert_eq!(made.status, 422, "{field}");
    }
    assert_eq!(patch(&admin, &path, &json!({"key": key_elsewhere})).await.status, 422);
    assert_eq!(admin.get(&format!("{APPS}/{key_elsewhere}")).await.unwrap().code(), "app_not_found");
}

#[tokio::test]
async fn a_grant_lets_in_at_once_and_taking_it_back_keeps_out_at_once() {
    let app = app().await;
    let admin = admin().await;
    let user = app.user().await.unwrap();
    let id = user.id().await.unwrap().to_string();
    let (key, path) = new_app(&admin).await;
    assert!(!sees(&user, &key).await);
    let own = format!("{path}/users/{id}");
    let through = format!("{path}/groups/{}", new_group(&admin, &[&id]).await);
    for grant in [&own, &through] {
        for _ in 0..2 {
            let granted = send(&admin, Method::PUT, grant).await;
            assert_eq!((granted.status.as_u16(), granted.body.as_str()), (204, ""));
            assert!(sees(&user, &key).await);
        }
        for _ in 0..2 {
            assert_eq!(send(&admin, Method::DELETE, grant).await.status, 204);
            assert!(!sees(&user, &key).await);
        }
    }
    let told = admin.get(&format!("/api/admin/audit?target_id={key}")).await.unwrap().json();
    let told: Vec<_> = told.as_array().unwrap().iter().map(|row| row["action"].as_str().unwrap()).collect();
    assert_eq!(told, ["app.revoked", "app.granted", "app.revoked", "app.granted", "app.created"]);
    // Out of the group is out of the app.
    send(&admin, Method::PUT, &through).await;
    assert!(sees(&user, &key).await);
    let group = through.rsplit('/').next().unwrap();
    let membership = format!("/api/admin/groups/{group}/members/{id}");
    assert_eq!(send(&admin, Method::DELETE, &membership).await.status, 204);
    assert!(!sees(&user, &key).await);
}

#[tokio::test]
async fn a_grant_joins_what_there_is() {
    let admin = admin().await;
    let (_, path) = new_app(&admin).await;
    let person = new_person(None).await["id"].as_str().unwrap().to_owned();
    let group = new_group(&admin, &[]).await;
    let nobody = Uuid::new_v4();
    for method in [Method::PUT, Method::DELETE] {
        for (path, code) in [
            (format!("{path}/users/{nobody}"), "user_not_found"),
            (format!("{path}/groups/{nobody}"), "group_not_found"),
            (format!("{APPS}/no-app/users/{person}"), "app_not_found"),
            (format!("{APPS}/no-app/groups/{group}"), "app_not_found"),
        ] {
            let answer = send(&admin, method.clone(), &path).await;
            assert_eq!((answer.status.as_u16(), answer.code().as_str()), (404, code), "{method} {path}");
        }
        let answer = send(&admin, method.clone(), &format!("{path}/users/nonsense")).await;
        assert_eq!((answer.status.as_u16(), answer.json()["detail"].as_array().unwrap().len()), (422, 1));
    }
    assert_eq!(admin.get(&format!("{APPS}/no-app/grants")).await.unwrap().code(), "app_not_found");
}

#[tokio::test]
async fn grants_are_listed_and_go_with_what_they_join() {
    let app = app().await;
    let admin = admin().await;
    let person = new_person(None).await;
    let id = person["id"].as_str().unwrap();
    let group = new_group(&admin, &[]).await;
    let (key, path) = new_app(&admin).await;
    let grants = format!("{path}/grants");
    assert_eq!(admin.get(&grants).await.unwrap().json(), json!({"users": [], "groups": []}));
    send(&admin, Method::PUT, &format!("{path}/users/{id}")).await;
    send(&admin, Method::PUT, &format!("{path}/groups/{group}")).await;
    let listed = admin.get(&grants).await.unwrap().json();
    assert_eq!(listed["users"], json!([{"user_id": id, "email": person["email"]}]));
    assert_eq!(listed["groups"][0]["group_id"], group.as_str());
    assert!(listed["groups"][0]["name"].is_string());
    assert_eq!(send(&admin, Method::DELETE, &format!("/api/admin/groups/{group}")).await.status, 204);
    app.database().execute("delete from users where email = $1", person["email"].as_str().unwrap()).await.unwrap();
    assert_eq!(admin.get(&grants).await.unwrap().json(), json!({"users": [], "groups": []}));
    send(&admin, Method::PUT, &format!("{path}/groups/{}", new_group(&admin, &[]).await)).await;
    assert_eq!(send(&admin, Method::DELETE, &path).await.status, 204);
    let left = "select count(*)::text from (select app_key from app_users union all select app_key from app_groups) g
                where app_key = $1";
    assert_eq!(app.database().text(left, &key).await.unwrap(), "0");
}

#[tokio::test]
async fn why_somebody_may_use_an_app_is_told() {
    let app = app().await;
    let admin = admin().await;
    let user = app.user().await.unwrap();
    let id = user.id().await.unwrap().to_string();
    let (key, path) = new_app(&admin).await;
    assert_eq!(explained(&admin, &id, &key).await, json!({"key": key, "allowed": false, "because": []}));
    send(&admin, Method::PUT, &format!("{path}/users/{id}")).await;
    let group = new_group(&admin, &[&id]).await;
    send(&admin, Method::PUT, &format!("{path}/groups/{group}")).await;
    patch(&admin, &path, &json!({"default_access": "everyone"})).await;
    let all = explained(&admin, &id, &key).await;
    let reasons = all["because"].as_array().unwrap().iter();
    let kinds: Vec<_> = reasons.map(|reason| reason["kind"].as_str().unwrap()).collect();
    assert_eq!((&all["allowed"], kinds), (&json!(true), vec!["everyone", "user", "group"]));
    assert_eq!(all["because"][2]["group"]["group_id"], group.as_str());
    let own = explained(&admin, &admin.id().await.unwrap().to_string(), &key).await;
    assert_eq!(own["because"][0], json!({"kind": "admin"}));
    // Who is locked out may use nothing.
    patch(&admin, &format!("/api/admin/users/{id}"), &json!({"is_active": false})).await;
    assert_eq!(explained(&admin, &id, &key).await["allowed"], false);
    let nobody = admin.get(&format!("/api/admin/users/{}/apps", Uuid::new_v4())).await.unwrap();
    assert_eq!(nobody.code(), "user_not_found");
}

#[tokio::test]
async fn the_proxy_lets_in_who_was_granted_the_app_and_nobody_else() {
    let app = guarded().await;
    let admin = app.admin().await.unwrap();
    let users =
        [app.user().await.unwrap(), app.user().await.unwrap(), app.user().await.unwrap(), app.user().await.unwrap()];
    let [stranger, granted, member, inactive] = &users;
    let id = async |who: &Caller| who.id().await.unwrap().to_string();
    for who in [granted, inactive] {
        send(&admin, Method::PUT, &format!("{APPS}/documents/users/{}", id(who).await)).await;
    }
    let group = new_group(&admin, &[&id(member).await]).await;
    send(&admin, Method::PUT, &format!("{APPS}/documents/groups/{group}")).await;
    patch(&admin, &format!("/api/admin/users/{}", id(inactive).await), &json!({"is_active": false})).await;
    for method in [Method::GET, Method::POST, Method::DELETE] {
        for (kind, caller, expected) in [
            ("nobody", &app.anonymous(), (401, "not_authenticated")),
            ("not granted", stranger, (403, "app_not_granted")),
            ("granted", granted, (200, "")),
            ("granted through a group", member, (200, "")),
            ("inactive", inactive, (401, "session_ended")),
            ("admin", &admin, (200, "")),
        ] {
            let answer = send(caller, method.clone(), FILE).await;
            let code = if answer.status == 200 { String::new() } else { answer.code() };
            assert_eq!((answer.status.as_u16(), code.as_str()), expected, "{method} as {kind}: {answer}");
        }
    }
    let told = send(member, Method::GET, FILE).await.json();
    let groups = e2e::Received::from_json(&told);
    assert_eq!(groups.header("x-user-groups"), [group.as_str()]);
}

#[tokio::test]
async fn a_grant_that_is_taken_back_ends_with_the_next_request_on_every_replica() {
    let app = guarded().await;
    let replica = app.replica().unwrap();
    let admin = app.admin().await.unwrap();
    let user = app.user().await.unwrap();
    let there = user.at(&replica);
    let grant = format!("{APPS}/documents/users/{}", user.id().await.unwrap());
    for _ in 0..5 {
        send(&admin, Method::PUT, &grant).await;
        for caller in [&user, &there] {
            assert_eq!(send(caller, Method::GET, FILE).await.status, 200);
        }
        send(&admin, Method::DELETE, &grant).await;
        for caller in [&user, &there] {
            assert_eq!(send(caller, Method::GET, FILE).await.code(), "app_not_granted");
        }
    }
}

#[tokio::test]
async fn a_grant_that_meets_a_deletion_is_made_or_not_found_and_leaves_nothing_behind() {
    let app = app().await;
    let admin = &admin().await;
    for _ in 0..5 {
        let (key, path) = new_app(admin).await;
        let person = new_person(None).await["id"].as_str().unwrap().to_owned();
        let group = new_group(admin, &[]).await;
        let (to_person, to_group) = (format!("{path}/users/{person}"), format!("{path}/groups/{group}"));
        let (user, group) = (format!("/api/admin/users/{person}"), format!("/api/admin/groups/{group}"));
        let grants = async || {
            let mut statuses = Vec::new();
            for grant in [&to_person, &to_group, &to_person, &to_group] {
                statuses.push(send(admin, Method::PUT, grant).await.status.as_u16());
                statuses.push(send(admin, Method::DELETE, grant).await.status.as_u16());
                statuses.push(send(admin, Method::PUT, grant).await.status.as_u16());
            }
            statuses
        };
        let delete = |path| send(admin, Method::DELETE, path);
        let (one, other, user, group, deleted) =
            tokio::join!(grants(), grants(), delete(&user), delete(&group), delete(&path));
        assert_eq!([user.status, group.status, deleted.status].map(|status| status.as_u16()), [204, 204, 204]);
        assert!(one.iter().chain(&other).all(|status| [204, 404].contains(status)), "{one:?} {other:?}");
        let left =
            "select count(*)::text from (select app_key from app_users union all select app_key from app_groups) g
                    where app_key = $1";
        assert_eq!(app.database().text(left, &key).await.unwrap(), "0");
    }
}
