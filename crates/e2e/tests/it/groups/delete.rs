//! DELETE /api/admin/groups/{id}.

use futures::future::join;
use insta::assert_snapshot;
use serde_json::json;

use super::{GROUPS, NO_IDS, add, membership, new_group, path, unknown};
use crate::{admin, app, new_person, replica};

#[tokio::test]
async fn a_group_goes_with_its_memberships_and_the_people_stay() {
    let (admin, group, person) = (admin().await, new_group().await, new_person(None).await);
    add(&admin, &membership(&group, &person)).await;
    let answer = admin.delete(&path(&group)).await.unwrap();
    assert_snapshot!(answer, @"204");
    assert_eq!((answer.body.as_str(), answer.headers.get("content-length")), ("", None));

    assert_eq!(admin.get(&path(&group)).await.unwrap().code(), "group_not_found");
    let again = admin.delete(&path(&group)).await.unwrap();
    assert_snapshot!(again, @r#"
    404 {
      "code": "group_not_found",
      "detail": "There is no such group",
      "request_id": "[uuid]"
    }
    "#);
    let gone = admin.delete(&membership(&group, &person)).await.unwrap();
    assert_eq!((gone.status.as_u16(), gone.code().as_str()), (404, "membership_not_found"));
    let database = app().await.database();
    let email = person["email"].as_str().unwrap();
    let memberships =
        "select count(m.*)::text from users u left join group_members m on m.user_id = u.id where u.email = $1";
    assert_eq!(database.text(memberships, email).await.unwrap(), "0");
    assert_eq!(database.text("select count(*)::text from users where email = $1", email).await.unwrap(), "1");
}

#[tokio::test]
async fn its_name_is_free_again() {
    let (admin, group) = (admin().await, new_group().await);
    let body = json!({"name": group["name"]});
    assert_eq!(admin.post(GROUPS, &body).await.unwrap().status, 409);
    assert_eq!(admin.delete(&path(&group)).await.unwrap().status, 204);
    assert_eq!(admin.post(GROUPS, &body).await.unwrap().status, 201);
}

#[tokio::test]
async fn other_groups_stay() {
    let (admin, group, other, person) = (admin().await, new_group().await, new_group().await, new_person(None).await);
    add(&admin, &membership(&other, &person)).await;
    assert_eq!(admin.delete(&path(&group)).await.unwrap().status, 204);
    assert_eq!(admin.get(&path(&other)).await.unwrap().json()["member_count"], json!(1));
}

#[tokio::test]
async fn an_unknown_group_is_404_and_what_is_no_id_is_refused() {
    let admin = admin().await;
    let answer = admin.delete(&unknown()).await.unwrap();
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (404, "group_not_found"), "{answer}");
    for id in NO_IDS {
        let answer = admin.delete(&format!("{GROUPS}/{id}")).await.unwrap();
        assert_eq!(answer.refused(), ["path.id"], "{id}: {answer}");
    }
}

#[tokio::test]
async fn of_two_who_delete_a_group_at_once_one_has_done_it() {
    let (here, there) = (admin().await, admin().await.at(replica().await));
    for _ in 0..50 {
        let path = path(&new_group().await);
        let (one, other) = join(here.delete(&path), there.delete(&path)).await;
        let mut statuses = [one.unwrap().status.as_u16(), other.unwrap().status.as_u16()];
        statuses.sort_unstable();
        assert_eq!(statuses, [204, 404]);
    }
}
