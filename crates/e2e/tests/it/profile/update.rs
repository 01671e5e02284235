//! PUT /api/profile.

use futures::future::join;
use insta::assert_snapshot;
use serde_json::{Map, Value, json};

use super::{PROFILE, profile};
use crate::{app, replica};

/// What somebody may say about themselves.
fn everything() -> Value {
    json!({
        "full_name": "Ada Lovelace",
        "phone": "+49 (0)30 123-456 ext. 7",
        "job_title": "Countess",
        "department": "Analytical Engines",
        "address": "12 St James's Square\nLondon",
        "bio": "First line\n\n\tSecond: 👩🏽‍💻 أدا",
        "timezone": "Europe/Berlin",
        "locale": "de-CH",
        "avatar_url": "https://example.com/ada.png?size=64",
    })
}

/// The fields of a profile that its owner writes.
fn written(profile: &Value) -> Value {
    let mut fields = profile.as_object().unwrap().clone();
    fields.retain(|name, _| name != "user_id" && name != "updated_at");
    Value::Object(fields)
}

fn one(field: &str, value: Value) -> Value {
    Value::Object(Map::from_iter([(field.to_owned(), value)]))
}

#[tokio::test]
async fn everything_can_be_said_and_is_kept() {
    let user = app().await.user().await.unwrap();
    let answer = user.put(PROFILE, &everything()).await.unwrap();
    assert_snapshot!(answer, @r#"
    200 {
      "address": "12 St James's Square\nLondon",
      "avatar_url": "https://example.com/ada.png?size=64",
      "bio": "First line\n\n\tSecond: 👩🏽‍💻 أدا",
      "department": "Analytical Engines",
      "full_name": "Ada Lovelace",
      "job_title": "Countess",
      "locale": "de-CH",
      "phone": "+49 (0)30 123-456 ext. 7",
      "timezone": "Europe/Berlin",
      "updated_at": "[time]",
      "user_id": "[uuid]"
    }
    "#);
    assert_eq!(profile(&user).await, answer.json());
}

#[tokio::test]
async fn what_is_absent_stays_and_null_clears() {
    let user = app().await.user().await.unwrap();
    user.put(PROFILE, &everything()).await.unwrap();
    let mut expected = everything();
    for field in everything().as_object().unwrap().keys() {
        let answer = user.put(PROFILE, &one(field, Value::Null)).await.unwrap();
        expected[field] = Value::Null;
        assert_eq!((answer.status.as_u16(), written(&answer.json())), (200, expected.clone()), "{field}");
    }
    for (field, value) in everything().as_object().unwrap() {
        let answer = user.put(PROFILE, &one(field, value.clone())).await.unwrap();
        expected[field] = value.clone();
        assert_eq!((answer.status.as_u16(), written(&answer.json())), (200, expected.clone()), "{field}");
    }
    assert_eq!(written(&profile(&user).await), everything());
}

#[tokio::test]
async fn nothing_said_changes_nothing() {
    let user = app().await.user().await.unwrap();
    for _ in 0..2 {
        let before = profile(&user).await;
        let answer = user.put(PROFILE, &json!({})).await.unwrap();
        assert_eq!((answer.status.as_u16(), answer.json()), (200, before.clone()));
        assert_eq!(profile(&user).await, before);
        user.put(PROFILE, &everything()).await.unwrap();
    }
}

#[tokio::test]
async fn what_was_read_can_be_sent_back_and_what_is_not_ones_own_to_say_is_ignored() {
    let app = app().await;
    let (user, other) = (app.user().await.unwrap(), app.user().await.unwrap());
    let answer = user.put(PROFILE, &profile(&user).await).await.unwrap();
    assert_eq!((answer.status.as_u16(), written(&answer.json())), (200, written(&profile(&user).await)), "{answer}");

    user.put(PROFILE, &everything()).await.unwrap();
    let mut echo = profile(&user).await;
    let id = echo["user_id"].clone();
    echo["user_id"] = json!(other.id().await.unwrap());
    echo["updated_at"] = json!("2001-01-01T00:00:00.000Z");
    for (field, value) in [("role", json!("admin")), ("email", json!("other@example.com")), ("is_active", json!(false))]
    {
        echo[field] = value;
    }
    let answer = user.put(PROFILE, &echo).await.unwrap();
    assert_eq!((answer.status.as_u16(), written(&answer.json())), (200, everything()), "{answer}");
    assert_eq!(answer.json()["user_id"], id);
    assert_ne!(answer.json()["updated_at"], json!("2001-01-01T00:00:00.000Z"));
    assert_eq!(profile(&other).await["full_name"], Value::Null);
    let me = user.get("/api/users/me").await.unwrap().json();
    assert_eq!((&me["role"], &me["email"]), (&json!("user"), &json!(user.email)));
}

#[tokio::test]
async fn the_name_is_the_users() {
    let user = app().await.user().await.unwrap();
    for name in [json!("Ada King"), Value::Null, json!("أدا 👩🏽‍💻")] {
        user.put(PROFILE, &json!({"full_name": name})).await.unwrap();
        assert_eq!(user.get("/api/users/me").await.unwrap().json()["full_name"], name);
        assert_eq!(profile(&user).await["full_name"], name);
    }
    user.put(PROFILE, &json!({"phone": "1"})).await.unwrap();
    assert_eq!(user.get("/api/users/me").await.unwrap().json()["full_name"], json!("أدا 👩🏽‍💻"));
}

#[tokio::test]
async fn a_change_is_later_than_what_was_there() {
    let app = app().await;
    let user = app.user().await.unwrap();
    user.put(PROFILE, &json!({"phone": "1"})).await.unwrap();
    let age = "update profiles set updated_at = profiles.updated_at - interval '1 day' from users
               where users.id = user_id and email = $1";
    assert_eq!(app.database().execute(age, &user.email).await.unwrap(), 1);
    let before = profile(&user).await;
    let after = user.put(PROFILE, &json!({"phone": "2"})).await.unwrap().json();
    assert!(after["updated_at"].as_str() > before["updated_at"].as_str(), "{before} {after}");
}

#[tokio::test]
async fn a_field_is_as_long_as_it_has_characters() {
    let user = app().await.user().await.unwrap();
    for (field, most) in
        [("full_name", 200), ("phone", 50), ("job_title", 200), ("department", 200), ("address", 500), ("bio", 2000)]
    {
        let longest = "ü".repeat(most);
        let answer = user.put(PROFILE, &one(field, json!(longest))).await.unwrap();
        assert_eq!((answer.status.as_u16(), &answer.json()[field]), (200, &json!(longest)), "{field}: {answer}");
        let answer = user.put(PROFILE, &one(field, json!(longest + "ü"))).await.unwrap();
        assert_eq!(answer.refused(), [format!("body.{field}")], "{answer}");
    }
    let longest = format!("https://example.com/{}", "a".repeat(2048 - "https://example.com/".len()));
    let answer = user.put(PROFILE, &json!({"avatar_url": longest})).await.unwrap();
    assert_eq!((answer.status.as_u16(), &answer.json()["avatar_url"]), (200, &json!(longest)), "{answer}");
    assert_eq!(user.put(PROFILE, &json!({"avatar_url": longest + "a"})).await.unwrap().refused(), ["body.avatar_url"]);
    // Well-formed, and one character too long.
    let locale = "de-DE-u-co-phonebk-kn-true-ca-gregory";
    assert_eq!(user.put(PROFILE, &json!({"locale": &locale[..35]})).await.unwrap().status, 200);
    assert_eq!(user.put(PROFILE, &json!({"locale": &locale[..36]})).await.unwrap().refused(), ["body.locale"]);
}

#[tokio::test]
async fn what_is_no_text_is_refused_in_every_field() {
    let user = app().await.user().await.unwrap();
    let before = profile(&user).await;
    for field in everything().as_object().unwrap().keys() {
        for value in [json!(5), json!(true), json!(["x"]), json!({"x": 1}), json!("a\0b"), json!("a\u{1b}b")] {
            let answer = user.put(PROFILE, &one(field, value.clone())).await.unwrap();
            assert_eq!(answer.refused(), [format!("body.{field}")], "{value}: {answer}");
        }
    }
    assert_eq!(user.put(PROFILE, &json!([everything()])).await.unwrap().refused(), ["body"]);
    assert_eq!(profile(&user).await, before);
}

#[tokio::test]
async fn only_an_address_and_a_bio_have_lines() {
    let user = app().await.user().await.unwrap();
    for field in ["address", "bio"] {
        let answer = user.put(PROFILE, &one(field, json!("a\nb\r\n\tc"))).await.unwrap();
        assert_eq!((answer.status.as_u16(), &answer.json()[field]), (200, &json!("a\nb\r\n\tc")), "{answer}");
    }
    for field in ["full_name", "phone", "job_title", "department"] {
        let answer = user.put(PROFILE, &one(field, json!("a\nb"))).await.unwrap();
        assert_eq!(answer.refused(), [format!("body.{field}")], "{answer}");
    }
}

#[tokio::test]
async fn a_time_zone_has_a_name_of_iana() {
    let user = app().await.user().await.unwrap();
    // Browsers still tell Asia/Calcutta.
    for zone in ["Europe/Berlin", "America/Argentina/Buenos_Aires", "Asia/Kolkata", "Asia/Calcutta", "UTC", "Etc/GMT+1"]
    {
        let answer = user.put(PROFILE, &json!({"timezone": zone})).await.unwrap();
        assert_eq!((answer.status.as_u16(), &answer.json()["timezone"]), (200, &json!(zone)), "{answer}");
    }
    for zone in ["Mars/Phobos", "Berlin", "Europe", "Europe/", "Europe/Berlin/Mitte", "+02:00", "CEST", "../etc/passwd"]
    {
        let answer = user.put(PROFILE, &json!({"timezone": zone})).await.unwrap();
        assert_eq!(answer.refused(), ["body.timezone"], "{zone}: {answer}");
    }
    assert_eq!(profile(&user).await["timezone"], json!("Etc/GMT+1"));
}

#[tokio::test]
async fn a_locale_is_a_language_tag() {
    let user = app().await.user().await.unwrap();
    for locale in ["de", "de-CH", "zh-Hant-TW", "es-419", "sl-rozaj-biske", "de-DE-u-co-phonebk"] {
        let answer = user.put(PROFILE, &json!({"locale": locale})).await.unwrap();
        assert_eq!((answer.status.as_u16(), &answer.json()["locale"]), (200, &json!(locale)), "{answer}");
    }
    for locale in ["deutsch!", "de_CH", "d", "de-", "-de", "de--CH", "abcdefghi", "de CH", "dé", "*"] {
        let answer = user.put(PROFILE, &json!({"locale": locale})).await.unwrap();
        assert_eq!(answer.refused(), ["body.locale"], "{locale}: {answer}");
    }
    assert_eq!(profile(&user).await["locale"], json!("de-DE-u-co-phonebk"));
}

#[tokio::test]
async fn an_avatar_is_on_the_web() {
    let user = app().await.user().await.unwrap();
    for url in ["https://example.com/a.png?b=c", "http://localhost:8080/a", "https://[2001:db8::1]/a"] {
        let answer = user.put(PROFILE, &json!({"avatar_url": url})).await.unwrap();
        assert_eq!((answer.status.as_u16(), &answer.json()["avatar_url"]), (200, &json!(url)), "{answer}");
    }
    for url in [
        "javascript:alert(1)",
        "JavaScript://example.com/%0aalert(1)",
        "data:image/png;base64,AAAA",
        "ftp://example.com/a.png",
        "//example.com/a.png",
        "/a.png",
        "example.com/a.png",
        "https://",
        "https:///a.png",
        "https://exa mple.com/a.png",
        "httpsx://example.com/a.png",
    ] {
        let answer = user.put(PROFILE, &json!({"avatar_url": url})).await.unwrap();
        assert_eq!(answer.refused(), ["body.avatar_url"], "{url}: {answer}");
    }
    assert_eq!(profile(&user).await["avatar_url"], json!("https://[2001:db8::1]/a"));
}

#[tokio::test]
async fn everything_that_is_wrong_is_listed_and_nothing_is_changed() {
    let user = app().await.user().await.unwrap();
    user.put(PROFILE, &everything()).await.unwrap();
    let before = profile(&user).await;
    let wrong = json!({
        "full_name": "x".repeat(201),
        "phone": "1".repeat(51),
        "job_title": "a\u{1}b",
        "department": "x".repeat(201),
        "address": "x".repeat(501),
        "bio": "x".repeat(2001),
        "timezone": "Mars/Phobos",
        "locale": "deutsch!",
        "avatar_url": "ftp://example.com/a.png",
    });
    let all: Vec<_> = wrong.as_object().unwrap().keys().map(|field| format!("body.{field}")).collect();
    let answer = user.put(PROFILE, &wrong).await.unwrap();
    assert_eq!(answer.refused(), all, "{answer}");
    assert_eq!(answer.code(), "validation_error");

    let answer = user.put(PROFILE, &json!({"phone": "2", "full_name": "Grace", "locale": "deutsch!"})).await.unwrap();
    assert_eq!(answer.refused(), ["body.locale"], "{answer}");
    assert_eq!(profile(&user).await, before);
    assert_eq!(user.get("/api/users/me").await.unwrap().json()["full_name"], json!("Ada Lovelace"));
}

#[tokio::test]
async fn two_changes_of_a_new_profile_at_once_are_both_made() {
    let app = app().await;
    let here = app.user().await.unwrap();
    let there = here.at(replica().await);
    let forget = "delete from profiles using users where users.id = user_id and email = $1";
    for _ in 0..50 {
        app.database().execute(forget, &here.email).await.unwrap();
        let (phone, bio) = (json!({"phone": "1", "full_name": null}), json!({"bio": "x", "full_name": "Ada"}));
        let (one, other) = join(here.put(PROFILE, &phone), there.put(PROFILE, &bio)).await;
        let (one, other) = (one.unwrap(), other.unwrap());
        assert_eq!((one.status.as_u16(), other.status.as_u16()), (200, 200), "{one} {other}");
        let profile = profile(&here).await;
        assert_eq!((&profile["phone"], &profile["bio"]), (&json!("1"), &json!("x")));
        let me = here.get("/api/users/me").await.unwrap().json();
        assert_eq!(me["full_name"], profile["full_name"]);
    }
}
