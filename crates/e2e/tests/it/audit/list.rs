//! GET /api/admin/audit.

use e2e::{Answer, App};
use insta::assert_snapshot;
use serde_json::json;
use uuid::Uuid;

use super::{AUDIT, ROWS, rows};
use crate::{admin, app};

#[tokio::test]
async fn pages_lead_from_the_newest_row_to_the_oldest() {
    let app = App::start().await.unwrap();
    let admin = app.admin().await.unwrap();
    app.database().raw(ROWS).await.unwrap();
    let pages = admin.pages(&format!("{AUDIT}?limit=50&action=group.created")).await.unwrap();
    let numbers: Vec<_> = pages.iter().map(Answer::json).flat_map(|page| page.as_array().unwrap().clone()).collect();
    let numbers: Vec<_> = numbers.iter().map(|row| row["changes"]["n"][0].as_i64().unwrap()).collect();
    assert_eq!(numbers, (0..120).filter(|number| number % 4 != 0).collect::<Vec<_>>());
    assert_eq!(pages.iter().map(|page| page.header("x-total-count").to_owned()).collect::<Vec<_>>(), ["90", "90"]);
    let first = admin.get(&format!("{AUDIT}?target_id=thing-0&limit=1")).await.unwrap();
    assert_snapshot!(first, @r#"
    200 [
      {
        "action": "group.deleted",
        "actor_id": "[uuid]",
        "at": "[time]",
        "changes": {
          "n": [
            0,
            null
          ]
        },
        "id": "[uuid]",
        "ip": "10.0.0.7",
        "request_id": "r-0",
        "target_id": "thing-0",
        "target_type": "thing"
      }
    ]
    "#);
    app.stop().await.unwrap();
}

#[tokio::test]
async fn filters_leave_what_fits_all_of_them() {
    let app = App::start().await.unwrap();
    let admin = app.admin().await.unwrap();
    app.database().raw(ROWS).await.unwrap();
    let count = async |query: &str| {
        let answer = admin.get(&format!("{AUDIT}?limit=1&{query}")).await.unwrap();
        answer.header("x-total-count").to_owned()
    };
    assert_eq!(count("actor_id=00000000-0000-4000-8000-000000000001").await, "60");
    assert_eq!(count("action=group.deleted").await, "30");
    assert_eq!(count("target_id=thing-2").await, "40");
    assert_eq!(
        count("action=group.deleted&target_id=thing-0&actor_id=00000000-0000-4000-8000-000000000000").await,
        "10"
    );
    assert_eq!(count("action=thing.unknown").await, "0");
    let tenth = rows(&admin, "target_id=thing-1&limit=4").await[3]["at"].as_str().unwrap().to_owned();
    // The times that are told are whole milliseconds: the row itself is not before its own.
    assert_eq!(count(&format!("action=group.created&since={tenth}")).await, "8");
    assert_eq!(count(&format!("action=group.created&until={tenth}")).await, "82");
    assert_eq!(count(&format!("action=group.created&since={tenth}&until={tenth}")).await, "0");
    let with_offset = tenth.replace('Z', "%2B00:00");
    assert_eq!(count(&format!("action=group.created&since={with_offset}")).await, "8");
    app.stop().await.unwrap();
}

#[tokio::test]
async fn an_id_finds_what_it_names_however_it_is_written() {
    let app = App::start().await.unwrap();
    let (admin, user) = (app.admin().await.unwrap(), app.user().await.unwrap());
    let account = user.get("/api/users/me").await.unwrap().json();
    let id: Uuid = account["id"].as_str().unwrap().parse().unwrap();
    admin.patch(&format!("/api/admin/users/{id}"), &json!({"role": "admin"})).await.unwrap();
    let capitals = id.to_string().to_uppercase();
    let written =
        [id.to_string(), capitals.clone(), format!("%7B{capitals}%7D"), id.simple().to_string(), id.urn().to_string()];
    for id in &written {
        assert_eq!(admin.get(&format!("/api/admin/users/{id}")).await.unwrap().status, 200, "{id}");
        let changed = rows(&admin, &format!("target_id={id}&action=user.updated")).await;
        assert_eq!(changed.len(), 1, "{id}");
        let done = rows(&admin, &format!("actor_id={id}&action=auth.registered")).await;
        assert_eq!(done.len(), 1, "{id}");
    }
    // A text that is no UUID is taken as it is, and so is the key of an app that could be one.
    let key = "a0000000000040008000000000000000";
    let made = admin.post("/api/admin/apps", &json!({"key": key, "name": "Hexadecimal"})).await.unwrap();
    assert_eq!(made.status, 201, "{made}");
    assert_eq!(rows(&admin, &format!("target_id={key}")).await.len(), 1);
    assert_eq!(rows(&admin, &format!("target_id={}", key.to_uppercase())).await.len(), 0);
    app.stop().await.unwrap();
}

#[tokio::test]
async fn what_is_no_filter_is_named() {
    let query = "actor_id=5&action=%00&target_id=%00&since=yesterday&until=2026-02-30T00:00:00Z";
    let answer = admin().await.get(&format!("{AUDIT}?{query}")).await.unwrap();
    let names = ["query.action", "query.actor_id", "query.since", "query.target_id", "query.until"];
    assert_eq!((answer.status.as_u16(), answer.refused()), (422, names.map(str::to_owned).to_vec()), "{answer}");
    for query in ["since=2026-01-01", "since=0", "until=2026-01-01T00:00:00", "limit=0", "cursor=x"] {
        assert_eq!(admin().await.get(&format!("{AUDIT}?{query}")).await.unwrap().status, 422, "{query}");
    }
    for query in ["since=0001-01-01T00:00:00Z", "until=9999-12-31T23:59:59.999999%2B00:00"] {
        assert_eq!(admin().await.get(&format!("{AUDIT}?{query}")).await.unwrap().status, 200, "{query}");
    }
}

#[tokio::test]
async fn only_administrators_may_read_it() {
    let app = app().await;
    let refusal = app.user().await.unwrap().get(AUDIT).await.unwrap();
    assert_eq!((refusal.status.as_u16(), refusal.code()), (403, "admin_required".to_owned()));
    assert_eq!(app.anonymous().get(AUDIT).await.unwrap().status, 401);
    let changed = admin().await.post(AUDIT, &json!({})).await.unwrap();
    assert_eq!((changed.status.as_u16(), changed.code().as_str()), (405, "method_not_allowed"));
}
