//! The provider's key at rest, and the keys that it is encrypted with.

use e2e::{App, Host};
use insta::assert_snapshot;
use serde_json::{Value, json};

use super::{AI, API_KEY, SERVICE_TOKEN, configured, export, patch, settings_key, start};

#[tokio::test]
async fn a_key_is_in_no_log_and_no_answer_for_people_and_encrypted_in_the_database() {
    let (app, admin) = start().await;
    let set = admin.patch(AI, &json!({"api_key": API_KEY})).await.unwrap();
    let refused = admin.patch(AI, &json!({"api_key": API_KEY, "model": 5})).await.unwrap();
    let tested = admin.post(&format!("{AI}/test"), &json!({})).await.unwrap();
    assert_eq!((set.status.as_u16(), refused.status.as_u16(), tested.status.as_u16()), (200, 422, 200));
    let shown = admin.get(AI).await.unwrap();
    for answer in [&set, &refused, &tested, &shown] {
        assert!(!answer.body.contains("canary"), "{answer}");
    }
    let exported = export(&admin, "ai").await;
    assert_eq!(exported.json()["api_key"], json!(API_KEY));
    let position = "select position(convert_to($1, 'UTF8') in api_key)::text from ai_settings";
    assert_eq!(app.database().text(position, "canary").await.unwrap(), "0");
    let log = app.log_through(&exported).unwrap();
    assert!(!log.iter().any(|line| line.contains("canary")), "{log:#?}");
    app.stop().await.unwrap();
}

/// A host with other settings keys on the database of another.
fn with_keys(app: &App, current: &str, previous: Option<&str>) -> Host {
    let host = Host::builder()
        .variable("database_url", app.database().url())
        .variable("database_host", app.database().host())
        .variable("signing_key", app.keys().signing_pem().unwrap())
        .variable("verifying_keys", app.keys().verifying_pem().unwrap())
        .variable("refresh_token_key", "A".repeat(43))
        .variable("service_token", SERVICE_TOKEN)
        .variable("settings_key", settings_key(current))
        .variable("settings_key_previous", previous.map(settings_key).unwrap_or_default());
    host.start().unwrap()
}

#[tokio::test]
async fn keys_are_rotated_with_two_of_them_at_a_time() {
    let (app, admin) = start().await;
    patch(&admin, json!({"api_key": API_KEY})).await;
    let rotated = with_keys(&app, "b", Some("a"));
    assert_eq!(export(&admin.at(&rotated), "ai").await.json()["api_key"], json!(API_KEY));
    patch(&admin.at(&rotated), json!({"api_key": "a-newer-key-5678"})).await;
    drop(rotated);
    let rotated = with_keys(&app, "b", None);
    assert_eq!(export(&admin.at(&rotated), "ai").await.json()["api_key"], json!("a-newer-key-5678"));
    // The host from before knows the new key not: people go on, services are told that something is missing.
    assert_eq!(admin.get(AI).await.unwrap().json()["api_key_hint"], json!("…5678"));
    assert_snapshot!(export(&admin, "ai").await, @r#"
    503 {
      "code": "not_configured",
      "detail": "This server is not fully configured: its log and /readyz say what is missing",
      "request_id": "[uuid]"
    }
    "#);
    assert!(app.wait_for_log("neither settings_key nor settings_key_previous").is_some(), "{:#?}", app.log());
    patch(&admin, json!({"api_key": null})).await;
    assert_eq!(export(&admin, "ai").await.json()["api_key"], Value::Null);
    drop(rotated);
    app.stop().await.unwrap();
}

#[tokio::test]
async fn a_key_that_was_changed_in_the_database_is_not_handed_out() {
    let (app, admin) = start().await;
    patch(&admin, json!({"api_key": API_KEY})).await;
    let change =
        "update ai_settings set api_key = set_byte(api_key, length($1) + 30, get_byte(api_key, length($1) + 30) # 1)";
    app.database().execute(change, "").await.unwrap();
    assert_eq!(export(&admin, "ai").await.code(), "internal_error");
    app.stop().await.unwrap();
}

#[tokio::test]
async fn without_the_settings_key_the_family_says_that_it_is_not_configured() {
    let app = configured().variable("settings_key", "").start().await.unwrap();
    let admin = app.admin().await.unwrap();
    assert_eq!(admin.get(AI).await.unwrap().code(), "not_configured");
    assert!(app.wait_for_log("settings_key: is not set").is_some(), "{:#?}", app.log());
    app.stop().await.unwrap();
}
