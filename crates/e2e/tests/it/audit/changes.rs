//! Each change of an administrator leaves one row, which says what was and what is.

use e2e::{App, Caller};
use futures::future::join_all;
use insta::assert_snapshot;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::rows;
use crate::{app, new_person, replica};

/// Sends something under this request id, and fails unless it is answered so.
async fn send(admin: &Caller, request: (Method, &str), body: Value, (id, status): (&str, u16)) -> Value {
    let request = admin.request(request.0, request.1).json(&body).header("x-request-id", id);
    let answer = admin.send(request).await.unwrap();
    assert_eq!(answer.status, status, "{answer}");
    answer.json()
}

/// Action and changes of rows from the oldest to the newest, all of which must be this person's from here.
async fn told(admin: &Caller, query: &str) -> String {
    let own = admin.id().await.unwrap();
    let mut lines = Vec::new();
    for row in rows(admin, query).await.iter().rev() {
        assert_eq!((&row["actor_id"], &row["ip"]), (&json!(own), &json!("127.0.0.1")), "{row}");
        let text = |field: &str| row[field].as_str().unwrap().to_owned();
        lines.push(format!("{}: {} on {} {}", text("request_id"), text("action"), text("target_type"), row["changes"]));
    }
    lines.join("\n")
}

#[tokio::test]
async fn what_becomes_of_somebody_is_told_once_and_nothing_is_no_change() {
    let admin = app().await.admin().await.unwrap();
    let id = new_person(None).await["id"].as_str().unwrap().to_owned();
    let path = format!("/api/admin/users/{id}");
    for (request, body) in [
        ("one", json!({"role": "admin"})),
        ("two", json!({})),
        ("three", json!({"role": "admin", "is_active": true})),
        ("four", json!({"role": "user", "is_active": false})),
        ("five", json!({"is_active": true})),
    ] {
        send(&admin, (Method::PATCH, &path), body, (request, 200)).await;
    }
    let nobody = format!("/api/admin/users/{}", Uuid::new_v4());
    send(&admin, (Method::PATCH, &nobody), json!({"role": "admin"}), ("six", 404)).await;
    assert_snapshot!(told(&admin, &format!("action=user.updated&target_id={id}")).await, @r#"
    one: user.updated on user {"role":["user","admin"]}
    four: user.updated on user {"is_active":[true,false],"role":["admin","user"]}
    five: user.updated on user {"is_active":[false,true]}
    "#);
    let own = admin.id().await.unwrap();
    assert_eq!(rows(&admin, &format!("actor_id={own}&action=user.updated")).await.len(), 3);
}

#[tokio::test]
async fn what_is_refused_leaves_no_row() {
    let app = App::start().await.unwrap();
    let admin = app.admin().await.unwrap();
    let path = format!("/api/admin/users/{}", admin.id().await.unwrap());
    send(&admin, (Method::PATCH, &path), json!({"role": "user"}), ("one", 409)).await;
    send(&admin, (Method::PATCH, &path), json!({"role": "nonsense"}), ("two", 422)).await;
    assert!(rows(&admin, "action=user.updated").await.is_empty());
    app.stop().await.unwrap();
}

#[tokio::test]
async fn what_becomes_of_a_group_and_its_members_is_told() {
    let admin = app().await.admin().await.unwrap();
    let person = new_person(None).await["id"].as_str().unwrap().to_owned();
    let name = Uuid::new_v4().to_string();
    let made = json!({"name": name, "description": "What it is for"});
    let group = send(&admin, (Method::POST, "/api/admin/groups"), made.clone(), ("one", 201)).await;
    send(&admin, (Method::POST, "/api/admin/groups"), made.clone(), ("again", 409)).await;
    let path = format!("/api/admin/groups/{}", group["id"].as_str().unwrap());
    let member = format!("{path}/members/{person}");
    for (request, body) in [
        ("two", json!({"name": format!("{name}!"), "description": null})),
        ("three", json!({"name": format!("{name}!")})),
        ("four", json!({})),
    ] {
        send(&admin, (Method::PATCH, &path), body, (request, 200)).await;
    }
    for (method, request, status) in [
        (Method::POST, "five", 201),
        (Method::POST, "six", 200),
        (Method::DELETE, "seven", 204),
        (Method::DELETE, "eight", 404),
        (Method::POST, "nine", 201),
    ] {
        send(&admin, (method, &member), json!({}), (request, status)).await;
    }
    send(&admin, (Method::DELETE, &path), json!({}), ("ten", 204)).await;
    send(&admin, (Method::DELETE, &path), json!({}), ("eleven", 404)).await;
    let told = told(&admin, &format!("target_id={}", group["id"].as_str().unwrap())).await;
    assert_snapshot!(told.replace(&name, "[name]").replace(&person, "[person]"), @r#"
    one: group.created on group {"description":[null,"What it is for"],"name":[null,"[name]"]}
    two: group.updated on group {"description":["What it is for",null],"name":["[name]","[name]!"]}
    five: group.member_added on group {"user_id":[null,"[person]"]}
    seven: group.member_removed on group {"user_id":["[person]",null]}
    nine: group.member_added on group {"user_id":[null,"[person]"]}
    ten: group.deleted on group {"name":["[name]!",null]}
    "#);
    let own = admin.id().await.unwrap();
    assert_eq!(rows(&admin, &format!("actor_id={own}&action=group.created")).await.len(), 1);
}

#[tokio::test]
async fn what_becomes_of_the_settings_is_told_without_the_key() {
    let app = App::start().await.unwrap();
    let admin = app.admin().await.unwrap();
    let ai = (Method::PATCH, "/api/settings/ai");
    for (request, body) in [
        ("one", json!({"model": "m", "api_key": "sk-canary-1111-wxyz"})),
        ("two", json!({"api_key": "sk-canary-2222-wxyz"})),
        ("three", json!({})),
        ("four", json!({"model": "m"})),
        // Another address, and so without the key.
        ("five", json!({"base_url": "https://ai.example.com"})),
        ("six", json!({"api_key": null})),
        ("seven", json!({"api_key": "sk-canary-3333-wxyz", "base_url": null, "model": null})),
        ("eight", json!({"api_key": null})),
    ] {
        send(&admin, ai.clone(), body, (request, 200)).await;
    }
    assert_snapshot!(told(&admin, "target_id=ai").await, @r#"
    one: settings.ai_updated on settings {"api_key":[null,"set"],"model":[null,"m"]}
    two: settings.ai_updated on settings {"api_key":["set","replaced"]}
    five: settings.ai_updated on settings {"api_key":["set",null],"base_url":[null,"https://ai.example.com"]}
    seven: settings.ai_updated on settings {"api_key":[null,"set"],"base_url":["https://ai.example.com",null],"model":["m",null]}
    eight: settings.ai_updated on settings {"api_key":["set",null]}
    "#);
    let limits = (Method::PATCH, "/api/settings/documents/limits");
    for (request, body) in [("one", json!({"max_pdf_mb": 7})), ("two", json!({"max_pdf_mb": 7})), ("three", json!({}))]
    {
        send(&admin, limits.clone(), body, (request, 200)).await;
    }
    let told = told(&admin, "target_id=documents").await;
    assert!(
        told.starts_with("one: settings.documents_updated on settings {\"max_pdf_mb\":[") && told.ends_with(",7]}")
    );
    for part in ["canary", "wxyz"] {
        let found = "select count(*)::text from audit_log a where a::text like '%' || $1 || '%'";
        assert_eq!(app.database().text(found, part).await.unwrap(), "0", "{part}");
    }
    app.stop().await.unwrap();
}

/// Fails unless each row begins where the one before it ended.
fn assert_is_joined(rows: &[Value], field: &str) {
    for pair in rows.windows(2) {
        // Newest first.
        assert_eq!(pair[1]["changes"][field][1], pair[0]["changes"][field][0], "{rows:#?}");
    }
}

#[tokio::test]
async fn of_changes_at_once_each_row_begins_where_the_one_before_ended() {
    let admin = app().await.admin().await.unwrap();
    let there = admin.at(replica().await);
    let person = new_person(None).await["id"].as_str().unwrap().to_owned();
    let group = admin.post("/api/admin/groups", &json!({"name": Uuid::new_v4()})).await.unwrap().json();
    let group = group["id"].as_str().unwrap().to_owned();
    let changes = (0..24).map(|number| {
        let caller = if number % 2 == 0 { &admin } else { &there };
        let (path, body) = match number % 3 {
            0 => (format!("/api/admin/groups/{group}"), json!({"description": format!("Text {number}")})),
            _ => (format!("/api/admin/users/{person}"), json!({"is_active": number % 3 == 1})),
        };
        async move { caller.patch(&path, &body).await.unwrap().status.as_u16() }
    });
    assert!(join_all(changes).await.iter().all(|status| *status == 200));
    let of_group = rows(&admin, &format!("target_id={group}&action=group.updated")).await;
    assert_eq!(of_group.len(), 8);
    assert_is_joined(&of_group, "description");
    let of_person = rows(&admin, &format!("target_id={person}&action=user.updated")).await;
    assert!((1..=16).contains(&of_person.len()), "{of_person:#?}");
    assert_is_joined(&of_person, "is_active");
}
