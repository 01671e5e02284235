//! PATCH /api/admin/groups/{id}.

use futures::future::join;
use insta::assert_snapshot;
use serde_json::{Value, json};

use super::{GROUPS, NO_IDS, add, age, membership, new_group, new_name, path, unknown};
use crate::{admin, new_person, replica};

/// A group of before, without its members, which PATCH does not show.
async fn shown(group: &Value) -> Value {
    let mut shown = admin().await.get(&path(group)).await.unwrap().json();
    shown.as_object_mut().unwrap().remove("members");
    shown
}

#[tokio::test]
async fn what_is_present_changes_and_the_rest_stays() {
    let (admin, group) = (admin().await, new_group().await);
    add(&admin, &membership(&group, &new_person(None).await)).await;
    age(&group).await;
    let before = shown(&group).await;

    let name = new_name();
    let answer = admin.patch(&path(&group), &json!({"name": format!(" {name} ")})).await.unwrap();
    assert_snapshot!(answer, @r#"
    200 {
      "created_at": "[time]",
      "description": "What it is for",
      "id": "[uuid]",
      "member_count": 1,
      "name": "[uuid]",
      "updated_at": "[time]"
    }
    "#);
    let renamed = answer.json();
    assert_eq!(renamed["name"], json!(name));
    assert_eq!((&renamed["id"], &renamed["created_at"]), (&before["id"], &before["created_at"]));
    assert!(renamed["updated_at"].as_str() > before["updated_at"].as_str(), "{answer}");
    assert_eq!(shown(&group).await, renamed);

    let described = admin.patch(&path(&group), &json!({"description": "Another"})).await.unwrap().json();
    assert_eq!((&described["name"], &described["description"]), (&json!(name), &json!("Another")));
    let both = json!({"name": new_name(), "description": "A third"});
    let changed = admin.patch(&path(&group), &both).await.unwrap().json();
    assert_eq!((&changed["name"], &changed["description"]), (&both["name"], &both["description"]));
}

#[tokio::test]
async fn nothing_present_changes_nothing() {
    let (admin, group) = (admin().await, new_group().await);
    age(&group).await;
    let before = shown(&group).await;
    for body in [json!({}), json!({"id": new_name(), "member_count": 9, "created_at": null, "more": 1})] {
        let answer = admin.patch(&path(&group), &body).await.unwrap();
        assert_eq!((answer.status.as_u16(), answer.json()), (200, before.clone()));
    }
    assert_eq!(shown(&group).await, before);
}

#[tokio::test]
async fn what_was_read_can_be_sent_back() {
    let (admin, group) = (admin().await, new_group().await);
    let mut echo = admin.get(&path(&group)).await.unwrap().json();
    echo["description"] = json!("Another");
    let answer = admin.patch(&path(&group), &echo).await.unwrap();
    assert_eq!((answer.status.as_u16(), &answer.json()["description"]), (200, &json!("Another")), "{answer}");
    assert_eq!(answer.json()["name"], group["name"]);
}

#[tokio::test]
async fn null_clears_a_description_and_no_name() {
    let (admin, group) = (admin().await, new_group().await);
    let answer = admin.patch(&path(&group), &json!({"description": null})).await.unwrap();
    assert_eq!((&answer.json()["description"], &answer.json()["name"]), (&Value::Null, &group["name"]), "{answer}");
    let before = shown(&group).await;
    assert_snapshot!(admin.patch(&path(&group), &json!({"name": null, "description": "x"})).await.unwrap(), @r#"
    422 {
      "code": "validation_error",
      "detail": [
        {
          "loc": [
            "body",
            "name"
          ],
          "msg": "name cannot be null",
          "type": "null_not_allowed"
        }
      ],
      "request_id": "[uuid]"
    }
    "#);
    assert_eq!(shown(&group).await, before);
}

#[tokio::test]
async fn what_a_new_group_could_not_have_is_refused() {
    let (admin, group) = (admin().await, new_group().await);
    let cases: [(Value, &[&str]); 11] = [
        (json!({"name": " "}), &["body.name"]),
        (json!({"name": "x".repeat(101)}), &["body.name"]),
        (json!({"name": "a\0b"}), &["body.name"]),
        (json!({"name": "a\nb"}), &["body.name"]),
        (json!({"name": 5}), &["body.name"]),
        (json!({"description": "x".repeat(2001)}), &["body.description"]),
        (json!({"description": "a\u{1b}b"}), &["body.description"]),
        (json!({"description": false}), &["body.description"]),
        (json!({"name": null, "description": "x".repeat(2001)}), &["body.description", "body.name"]),
        (json!({"name": 5, "description": 5}), &["body.description", "body.name"]),
        (json!([]), &["body"]),
    ];
    for (body, refused) in cases {
        let answer = admin.patch(&path(&group), &body).await.unwrap();
        assert_eq!(answer.refused(), refused, "{body}: {answer}");
    }
    assert_eq!(shown(&group).await, group);
}

#[tokio::test]
async fn a_name_that_another_group_has_is_409_and_its_own_in_another_case_is_not() {
    let (admin, group, other) = (admin().await, new_group().await, new_group().await);
    let taken = other["name"].as_str().unwrap().to_uppercase();
    let answer = admin.patch(&path(&group), &json!({"name": taken, "description": "x"})).await.unwrap();
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (409, "group_name_taken"), "{answer}");
    assert_eq!(shown(&group).await, group);
    let own = group["name"].as_str().unwrap().to_uppercase();
    let answer = admin.patch(&path(&group), &json!({"name": own})).await.unwrap();
    assert_eq!((answer.status.as_u16(), &answer.json()["name"]), (200, &json!(own)), "{answer}");
}

#[tokio::test]
async fn of_two_groups_that_take_one_name_at_once_one_gets_it() {
    let (here, there) = (admin().await, admin().await.at(replica().await));
    let (group, other) = (new_group().await, new_group().await);
    for _ in 0..50 {
        let body = json!({"name": new_name()});
        let (one, other) = join(here.patch(&path(&group), &body), there.patch(&path(&other), &body)).await;
        let (one, other) = (one.unwrap(), other.unwrap());
        let mut statuses = [one.status.as_u16(), other.status.as_u16()];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 409], "{one} {other}");
    }
}

#[tokio::test]
async fn an_unknown_group_is_404_but_only_to_who_asks_for_something_that_could_be() {
    let admin = admin().await;
    for body in [json!({}), json!({"name": new_name()})] {
        let answer = admin.patch(&unknown(), &body).await.unwrap();
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (404, "group_not_found"), "{answer}");
    }
    assert_eq!(admin.patch(&unknown(), &json!({"name": ""})).await.unwrap().refused(), ["body.name"]);
}

#[tokio::test]
async fn what_is_no_id_is_refused_before_the_body_is_looked_at() {
    let admin = admin().await;
    for id in NO_IDS {
        let answer = admin.patch(&format!("{GROUPS}/{id}"), &json!({"name": ""})).await.unwrap();
        assert_eq!(answer.refused(), ["path.id"], "{id}: {answer}");
    }
}
