//! POST /api/admin/groups.

use e2e::Answer;
use futures::future::join;
use insta::assert_snapshot;
use serde_json::{Value, json};

use super::{GROUPS, new_name};
use crate::{admin, replica};

async fn create(body: Value) -> Answer {
    admin().await.post(GROUPS, &body).await.unwrap()
}

#[tokio::test]
async fn a_group_is_made_with_its_name_trimmed() {
    let name = new_name();
    let answer = create(json!({"name": format!(" \t{name}\u{3000}\n"), "description": "What it is for"})).await;
    assert_snapshot!(answer, @r#"
    201 {
      "created_at": "[time]",
      "description": "What it is for",
      "id": "[uuid]",
      "member_count": 0,
      "name": "[uuid]",
      "updated_at": "[time]"
    }
    "#);
    assert_eq!(answer.json()["name"], json!(name));
    assert_eq!(answer.json()["created_at"], answer.json()["updated_at"]);
}

#[tokio::test]
async fn a_description_that_is_absent_null_or_blank_is_none() {
    for body in [
        json!({"name": new_name()}),
        json!({"name": new_name(), "description": null}),
        json!({"name": new_name(), "description": " \n"}),
    ] {
        let answer = create(body).await;
        assert_eq!((answer.status.as_u16(), &answer.json()["description"]), (201, &Value::Null), "{answer}");
    }
}

#[tokio::test]
async fn a_description_may_have_lines() {
    let answer = create(json!({"name": new_name(), "description": "Line 1\nLine 2\tof it"})).await;
    assert_eq!(answer.json()["description"], json!("Line 1\nLine 2\tof it"), "{answer}");
}

#[tokio::test]
async fn fields_that_it_does_not_know_are_ignored() {
    let id = new_name();
    let answer = create(json!({"name": new_name(), "id": id, "member_count": 7, "more": {"a": []}})).await;
    assert_eq!((answer.status.as_u16(), &answer.json()["member_count"]), (201, &json!(0)), "{answer}");
    assert_ne!(answer.json()["id"], json!(id));
}

#[tokio::test]
async fn everything_that_is_wrong_is_listed() {
    assert_snapshot!(create(json!({"name": " ", "description": "x".repeat(2001)})).await, @r#"
    422 {
      "code": "validation_error",
      "detail": [
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
        }
      ],
      "request_id": "[uuid]"
    }
    "#);
    assert_snapshot!(create(json!({"description": "Without a name"})).await, @r#"
    422 {
      "code": "validation_error",
      "detail": [
        {
          "loc": [
            "body",
            "name"
          ],
          "msg": "Field required",
          "type": "missing"
        }
      ],
      "request_id": "[uuid]"
    }
    "#);
    assert_eq!(create(json!({"name": 5, "description": ["x"]})).await.refused(), ["body.description", "body.name"]);
}

#[tokio::test]
async fn what_is_no_name_is_refused() {
    let too_long = "x".repeat(101);
    let texts = ["", "  ", "\u{3000}\n", too_long.as_str(), "a\0b", "a\u{7}b", "a\nb", "a\u{85}b"].map(Value::from);
    for name in texts.into_iter().chain([Value::Null, json!(5), json!(true), json!(["x"]), json!({"x": 1})]) {
        let answer = create(json!({"name": name})).await;
        assert_eq!(answer.refused(), ["body.name"], "{name}: {answer}");
    }
}

#[tokio::test]
async fn a_name_is_as_long_as_it_has_characters() {
    let mut name = new_name();
    name.extend(std::iter::repeat_n('🏢', 100 - name.len()));
    let answer = create(json!({"name": format!("   {name}   ")})).await;
    assert_eq!((answer.status.as_u16(), &answer.json()["name"]), (201, &json!(name)), "{answer}");
    assert_eq!(create(json!({"name": name + "🏢"})).await.refused(), ["body.name"]);
}

// Normalised, each of these is two characters.
#[tokio::test]
async fn a_name_that_grows_when_it_is_normalised_is_no_mistake_of_ours() {
    let mut name = new_name();
    name.extend(std::iter::repeat_n('\u{958}', 100 - name.len()));
    let answer = create(json!({"name": name})).await;
    assert!([201, 422].contains(&answer.status.as_u16()), "{answer}");
}

#[tokio::test]
async fn names_keep_their_characters() {
    for name in ["فريق المبيعات", "צוות מכירות", "👩🏽‍💻 🏳️‍🌈", "営業部", "Łódź & <b>Söhne</b> '\"\\%_$1"]
    {
        let name = format!("{name} {}", new_name());
        let answer = create(json!({"name": name, "description": name})).await;
        assert_eq!(answer.status, 201, "{answer}");
        assert_eq!((&answer.json()["name"], &answer.json()["description"]), (&json!(name), &json!(name)));
    }
}

#[tokio::test]
async fn a_name_is_taken_whatever_its_case_and_however_it_is_encoded() {
    let unique = new_name();
    let taken = format!("Ärzte, Office {unique}");
    assert_eq!(create(json!({"name": taken})).await.status, 201);
    assert_snapshot!(create(json!({"name": taken})).await, @r#"
    409 {
      "code": "group_name_taken",
      "detail": "There is a group of this name",
      "request_id": "[uuid]"
    }
    "#);
    for other in [
        format!("  ärzte, office {unique} "),
        format!("ÄRZTE, OFFICE {}", unique.to_uppercase()),
        format!("A\u{308}rzte, Office {unique}"),
        format!("a\u{308}RZTE, office {unique}"),
        format!("Ärzte, O\u{fb03}ce {unique}"),
        format!("Ärzte, \u{ff2f}ffice {unique}"),
    ] {
        let answer = create(json!({"name": other})).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (409, "group_name_taken"), "{other}: {answer}");
    }
    assert_eq!(create(json!({"name": format!("Arzte, Office {unique}")})).await.status, 201);
}

#[tokio::test]
async fn of_two_groups_of_one_name_at_once_one_is_made() {
    let (here, there) = (admin().await, admin().await.at(replica().await));
    for _ in 0..50 {
        let name = new_name();
        let (small, capital) = (json!({"name": name}), json!({"name": name.to_uppercase()}));
        let (one, other) = join(here.post(GROUPS, &small), there.post(GROUPS, &capital)).await;
        let (one, other) = (one.unwrap(), other.unwrap());
        let mut outcomes = [&one, &other].map(|answer| (answer.status.as_u16(), answer.code()));
        outcomes.sort_unstable();
        assert_eq!(outcomes, [(201, String::new()), (409, "group_name_taken".to_owned())], "{one} {other}");
    }
}
