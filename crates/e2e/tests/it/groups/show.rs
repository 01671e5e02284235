//! GET /api/admin/groups/{id}.

use e2e::App;
use insta::assert_snapshot;
use serde_json::json;

use super::{GROUPS, NO_IDS, add, membership, new_group, path, unknown};
use crate::{admin, app, new_person};

#[tokio::test]
async fn a_group_is_shown_with_the_people_in_it() {
    let admin = admin().await;
    let (group, ada) = (new_group().await, new_person(Some("Ada Lovelace")).await);
    let joined = add(&admin, &membership(&group, &ada)).await.json();
    let answer = admin.get(&path(&group)).await.unwrap();
    assert_snapshot!(answer, @r#"
    200 {
      "created_at": "[time]",
      "description": "What it is for",
      "id": "[uuid]",
      "member_count": 1,
      "members": [
        {
          "email": "[email]",
          "full_name": "Ada Lovelace",
          "joined_at": "[time]",
          "user_id": "[uuid]"
        }
      ],
      "name": "[uuid]",
      "updated_at": "[time]"
    }
    "#);
    let shown = answer.json();
    let member = &shown["members"][0];
    assert_eq!(
        (&member["user_id"], &member["email"], &member["joined_at"]),
        (&ada["id"], &ada["email"], &joined["joined_at"])
    );
    assert_eq!((&shown["id"], &shown["name"]), (&group["id"], &group["name"]));
}

#[tokio::test]
async fn everybody_in_it_is_there_and_nobody_else() {
    let admin = admin().await;
    let (group, other) = (new_group().await, new_group().await);
    let mut people = Vec::new();
    for _ in 0..3 {
        let person = new_person(None).await;
        add(&admin, &membership(&group, &person)).await;
        people.push(person["email"].as_str().unwrap().to_owned());
    }
    add(&admin, &membership(&other, &new_person(None).await)).await;
    people.sort_unstable();
    let shown = admin.get(&path(&group)).await.unwrap().json();
    let members = shown["members"].as_array().unwrap();
    assert_eq!(members.iter().map(|member| member["email"].clone()).collect::<Vec<_>>(), people);
    assert_eq!((&shown["member_count"], &members[0]["full_name"]), (&json!(3), &json!(null)));
}

#[tokio::test]
async fn nobody_may_be_in_it() {
    let shown = admin().await.get(&path(&new_group().await)).await.unwrap().json();
    assert_eq!((&shown["members"], &shown["member_count"]), (&json!([]), &json!(0)));
}

#[tokio::test]
async fn who_is_deleted_is_in_no_group() {
    let (admin, group, person) = (admin().await, new_group().await, new_person(None).await);
    add(&admin, &membership(&group, &person)).await;
    let email = person["email"].as_str().unwrap();
    assert_eq!(app().await.database().execute("delete from users where email = $1", email).await.unwrap(), 1);
    assert_eq!(admin.get(&path(&group)).await.unwrap().json()["members"], json!([]));
}

#[tokio::test]
async fn an_id_is_one_however_it_is_written() {
    let group = new_group().await;
    let id = group["id"].as_str().unwrap().to_uppercase();
    let shown = admin().await.get(&format!("{GROUPS}/{id}")).await.unwrap();
    assert_eq!(shown.json()["id"], group["id"], "{shown}");
}

#[tokio::test]
async fn an_unknown_group_is_404() {
    assert_snapshot!(admin().await.get(&unknown()).await.unwrap(), @r#"
    404 {
      "code": "group_not_found",
      "detail": "There is no such group",
      "request_id": "[uuid]"
    }
    "#);
}

#[tokio::test]
async fn what_is_no_id_is_refused() {
    let admin = admin().await;
    assert_snapshot!(admin.get("/api/admin/groups/nonsense").await.unwrap(), @r#"
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
    for id in NO_IDS {
        let answer = admin.get(&format!("{GROUPS}/{id}")).await.unwrap();
        assert_eq!(answer.refused(), ["path.id"], "{id}: {answer}");
    }
}

#[tokio::test]
async fn all_people_in_a_group_are_shown_however_many_they_are() {
    let app = App::start().await.unwrap();
    let admin = app.admin().await.unwrap();
    let group = admin.post(GROUPS, &json!({"name": "All"})).await.unwrap().json()["id"].as_str().unwrap().to_owned();
    let fill = "with people as (
                    insert into users (email, password_hash)
                    select 'person' || n || '@example.com', '-' from generate_series(1, 10005) n returning id
                )
                insert into group_members (group_id, user_id) select $1::text::uuid, id from people";
    app.database().execute(fill, &group).await.unwrap();
    let shown = admin.get(&format!("{GROUPS}/{group}")).await.unwrap().json();
    assert_eq!((shown["member_count"].as_u64(), shown["members"].as_array().unwrap().len()), (Some(10_005), 10_005));
    app.stop().await.unwrap();
}
