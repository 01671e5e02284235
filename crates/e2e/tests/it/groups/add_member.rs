//! POST /api/admin/groups/{id}/members/{user_id}.

use futures::future::{join, join_all};
use insta::assert_snapshot;
use serde_json::json;
use uuid::Uuid;

use super::{GROUPS, NO_IDS, add, age, membership, new_group, path, unknown};
use crate::{admin, new_person, replica};

#[tokio::test]
async fn somebody_is_put_into_a_group_once() {
    let (admin, group, person) = (admin().await, new_group().await, new_person(None).await);
    let first = add(&admin, &membership(&group, &person)).await;
    assert_snapshot!(first, @r#"
    201 {
      "group_id": "[uuid]",
      "joined_at": "[time]",
      "user_id": "[uuid]"
    }
    "#);
    assert_eq!((&first.json()["group_id"], &first.json()["user_id"]), (&group["id"], &person["id"]));
    for _ in 0..2 {
        let again = add(&admin, &membership(&group, &person)).await;
        assert_eq!((again.status.as_u16(), again.json()), (200, first.json()));
    }
    assert_eq!(admin.get(&path(&group)).await.unwrap().json()["member_count"], json!(1));
}

#[tokio::test]
async fn a_body_is_not_asked_for_and_does_not_matter() {
    let (admin, group, person) = (admin().await, new_group().await, new_person(None).await);
    let answer =
        admin.post(&membership(&group, &person), &json!({"joined_at": "2001-01-01T00:00:00.000Z"})).await.unwrap();
    assert_eq!(answer.status, 201, "{answer}");
    assert_ne!(answer.json()["joined_at"], json!("2001-01-01T00:00:00.000Z"));
}

#[tokio::test]
async fn who_is_in_it_is_no_change_of_the_group() {
    let (admin, group, person) = (admin().await, new_group().await, new_person(None).await);
    age(&group).await;
    let before = admin.get(&path(&group)).await.unwrap().json();
    add(&admin, &membership(&group, &person)).await;
    let after = admin.get(&path(&group)).await.unwrap().json();
    assert_eq!((&after["member_count"], &after["updated_at"]), (&json!(1), &before["updated_at"]));
}

#[tokio::test]
async fn one_may_be_in_several_groups() {
    let (admin, person) = (admin().await, new_person(None).await);
    for group in [new_group().await, new_group().await] {
        assert_eq!(add(&admin, &membership(&group, &person)).await.status, 201);
    }
}

#[tokio::test]
async fn what_there_is_not_is_404() {
    let (admin, group, person) = (admin().await, new_group().await, new_person(None).await);
    let nobody = json!({"id": Uuid::new_v4()});
    assert_snapshot!(add(&admin, &membership(&nobody, &person)).await, @r#"
    404 {
      "code": "group_not_found",
      "detail": "There is no such group",
      "request_id": "[uuid]"
    }
    "#);
    assert_snapshot!(add(&admin, &membership(&group, &nobody)).await, @r#"
    404 {
      "code": "user_not_found",
      "detail": "There is no such user",
      "request_id": "[uuid]"
    }
    "#);
    assert_eq!(add(&admin, &membership(&nobody, &nobody)).await.code(), "group_not_found");
    assert_eq!(admin.get(&path(&group)).await.unwrap().json()["members"], json!([]));
}

#[tokio::test]
async fn what_is_no_id_is_refused() {
    let (admin, group) = (admin().await, new_group().await);
    for id in NO_IDS {
        let user = add(&admin, &format!("{}/members/{id}", path(&group))).await;
        assert_eq!(user.refused(), ["path.user_id"], "{id}: {user}");
        let group = add(&admin, &format!("{GROUPS}/{id}/members/{}", Uuid::new_v4())).await;
        assert_eq!(group.refused(), ["path.id"], "{id}: {group}");
    }
    assert_eq!(add(&admin, &format!("{GROUPS}/1/members/2")).await.refused(), ["path.id", "path.user_id"]);
    assert_eq!(add(&admin, &format!("{}/members/2", unknown())).await.refused(), ["path.user_id"]);
}

#[tokio::test]
async fn of_those_who_add_somebody_at_once_one_has_done_it() {
    let (here, there) = (admin().await, admin().await.at(replica().await));
    let person = new_person(None).await;
    for _ in 0..50 {
        let membership = membership(&new_group().await, &person);
        let answers = join_all([&here, &there, &here, &there].map(|caller| add(caller, &membership))).await;
        let mut statuses: Vec<_> = answers.iter().map(|answer| answer.status.as_u16()).collect();
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 200, 200, 201]);
        for answer in &answers {
            assert_eq!(answer.json(), answers[0].json());
        }
    }
}

#[tokio::test]
async fn a_group_that_goes_while_somebody_is_added_is_404_or_takes_them_with_it() {
    let (here, there) = (admin().await, admin().await.at(replica().await));
    let person = new_person(None).await;
    for _ in 0..50 {
        let group = new_group().await;
        let (path, membership) = (path(&group), membership(&group, &person));
        let (added, deleted) = join(add(&here, &membership), there.delete(&path)).await;
        assert_eq!(deleted.unwrap().status, 204);
        let is_expected = added.status == 201 || (added.status == 404 && added.code() == "group_not_found");
        assert!(is_expected, "{added}");
        assert_eq!(here.get(&path).await.unwrap().status, 404);
    }
}

#[tokio::test]
async fn somebody_who_is_added_and_removed_at_once_is_in_it_or_not() {
    let (here, there) = (admin().await, admin().await.at(replica().await));
    let (group, person) = (new_group().await, new_person(None).await);
    let membership = membership(&group, &person);
    for _ in 0..50 {
        let was_in = here.get(&path(&group)).await.unwrap().json()["member_count"] == 1;
        let (added, removed) = join(add(&here, &membership), there.delete(&membership)).await;
        let outcome = (was_in, added.status.as_u16(), removed.unwrap().status.as_u16());
        let is_in = here.get(&path(&group)).await.unwrap().json()["member_count"] == 1;
        let possible = match outcome {
            // The removal was first: it found somebody only if they were in it.
            (true, 201, 204) | (false, 201, 404) => is_in,
            // The addition was first.
            (true, 200, 204) | (false, 201, 204) => !is_in,
            _ => false,
        };
        assert!(possible, "{outcome:?}, and afterwards in it: {is_in}");
    }
}
