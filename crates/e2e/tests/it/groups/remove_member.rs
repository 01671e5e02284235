//! DELETE /api/admin/groups/{id}/members/{user_id}.

use insta::assert_snapshot;
use serde_json::json;
use uuid::Uuid;

use super::{GROUPS, NO_IDS, add, membership, new_group, path};
use crate::{admin, new_person};

#[tokio::test]
async fn somebody_is_taken_out_of_a_group_and_of_no_other() {
    let (admin, group, other) = (admin().await, new_group().await, new_group().await);
    let (leaves, stays) = (new_person(None).await, new_person(None).await);
    for (group, person) in [(&group, &leaves), (&group, &stays), (&other, &leaves)] {
        assert_eq!(add(&admin, &membership(group, person)).await.status, 201);
    }
    let answer = admin.delete(&membership(&group, &leaves)).await.unwrap();
    assert_snapshot!(answer, @"204");
    assert_eq!((answer.body.as_str(), answer.headers.get("content-length")), ("", None));
    let members = admin.get(&path(&group)).await.unwrap().json()["members"].clone();
    assert_eq!((members.as_array().map(Vec::len), &members[0]["user_id"]), (Some(1), &stays["id"]));
    assert_eq!(admin.get(&path(&other)).await.unwrap().json()["member_count"], json!(1));

    assert_snapshot!(admin.delete(&membership(&group, &leaves)).await.unwrap(), @r#"
    404 {
      "code": "membership_not_found",
      "detail": "They are not in this group",
      "request_id": "[uuid]"
    }
    "#);
    assert_eq!(add(&admin, &membership(&group, &leaves)).await.status, 201);
}

#[tokio::test]
async fn who_or_what_there_is_not_is_no_membership() {
    let (admin, group, person) = (admin().await, new_group().await, new_person(None).await);
    let nobody = json!({"id": Uuid::new_v4()});
    for (group, person) in [(&group, &person), (&group, &nobody), (&nobody, &person), (&nobody, &nobody)] {
        let answer = admin.delete(&membership(group, person)).await.unwrap();
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (404, "membership_not_found"), "{answer}");
    }
}

#[tokio::test]
async fn what_is_no_id_is_refused() {
    let (admin, group) = (admin().await, new_group().await);
    for id in NO_IDS {
        let user = admin.delete(&format!("{}/members/{id}", path(&group))).await.unwrap();
        assert_eq!(user.refused(), ["path.user_id"], "{id}: {user}");
        let group = admin.delete(&format!("{GROUPS}/{id}/members/{}", Uuid::new_v4())).await.unwrap();
        assert_eq!(group.refused(), ["path.id"], "{id}: {group}");
    }
    let both = admin.delete(&format!("{GROUPS}/1/members/2")).await.unwrap();
    assert_eq!(both.refused(), ["path.id", "path.user_id"]);
}
