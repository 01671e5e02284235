//! /api/settings/ai: provider, model, address and key.

use futures::future::join;
use insta::assert_snapshot;
use serde_json::{Value, json};

use super::{AI, API_KEY, configured, export, patch, start};

#[tokio::test]
async fn administrators_set_the_ai_provider_and_do_not_see_the_key_again() {
    let (app, admin) = start().await;
    assert_snapshot!(admin.get(AI).await.unwrap(), @r#"
    200 {
      "api_key_hint": null,
      "api_key_set": false,
      "base_url": null,
      "model": null,
      "provider": "openai",
      "updated_at": "[time]",
      "updated_by": null
    }
    "#);
    let body = json!({
        "provider": "anthropic",
        "model": " claude ",
        "base_url": "https://api.anthropic.com/v1",
        "api_key": format!(" {API_KEY}\n"),
        "api_key_set": false,
        "unknown": 1,
    });
    let changed = admin.patch(AI, &body).await.unwrap();
    assert_snapshot!(changed, @r#"
    200 {
      "api_key_hint": "…wxyz",
      "api_key_set": true,
      "base_url": "https://api.anthropic.com/v1",
      "model": "claude",
      "provider": "anthropic",
      "updated_at": "[time]",
      "updated_by": "[uuid]"
    }
    "#);
    assert_eq!(changed.json()["updated_by"], json!(admin.id().await.unwrap()));
    assert_eq!(admin.get(AI).await.unwrap().json(), changed.json());
    app.stop().await.unwrap();
}

#[tokio::test]
async fn a_patch_changes_what_it_names_and_null_clears() {
    let (app, admin) = start().await;
    let first = patch(&admin, json!({"model": "gpt", "base_url": "https://ai.example", "api_key": API_KEY})).await;
    let other = app.admin().await.unwrap();
    for nothing in [
        json!({}),
        json!({"provider": "openai", "model": "gpt", "base_url": "https://ai.example"}),
        json!({"api_key_set": true}),
    ] {
        assert_eq!(patch(&other, nothing.clone()).await, first, "{nothing}");
    }
    let second = patch(&other, json!({"model": null})).await;
    assert_eq!((&second["model"], &second["base_url"]), (&Value::Null, &first["base_url"]));
    assert_eq!((&second["api_key_set"], &second["api_key_hint"]), (&json!(true), &json!("…wxyz")));
    assert_ne!(second["updated_by"], first["updated_by"]);
    let third = patch(&other, json!({"api_key": null})).await;
    assert_eq!((&third["api_key_set"], &third["api_key_hint"]), (&json!(false), &Value::Null));
    app.stop().await.unwrap();
}

#[tokio::test]
async fn a_key_goes_with_another_provider_or_address_unless_a_new_one_comes() {
    let (app, admin) = start().await;
    let set = json!({"provider": "openai", "base_url": "https://ai.example", "api_key": API_KEY});
    for (moved, stays) in [
        (json!({"provider": "custom"}), false),
        (json!({"base_url": "https://evil.example"}), false),
        (json!({"base_url": null}), false),
        (json!({"provider": "custom", "api_key": null}), false),
        (json!({"provider": "custom", "base_url": "https://b.example", "api_key": "12345678"}), true),
        (json!({"model": "other"}), true),
    ] {
        patch(&admin, set.clone()).await;
        let after = patch(&admin, moved.clone()).await;
        assert_eq!(after["api_key_set"], json!(stays), "{moved}: {after}");
        assert_eq!(after["api_key_hint"].is_null(), !stays, "{moved}: {after}");
        assert_eq!(export(&admin, "ai").await.json()["api_key"].is_null(), !stays, "{moved}");
    }
    app.stop().await.unwrap();
}

#[tokio::test]
async fn a_key_never_meets_the_address_of_another_change() {
    let (app, admin) = start().await;
    let replica = app.replica().unwrap();
    let other = admin.at(&replica);
    for round in 0..20 {
        patch(&admin, json!({"base_url": "https://a.example", "api_key": "key-of-a-aaaa"})).await;
        let (moved, keyed) =
            (json!({"base_url": format!("https://b{round}.example")}), json!({"model": round.to_string()}));
        join(patch(&admin, moved), patch(&other, keyed)).await;
        let after = export(&admin, "ai").await.json();
        assert_eq!((&after["api_key"], &after["model"]), (&Value::Null, &json!(round.to_string())), "{after}");
    }
    drop(replica);
    app.stop().await.unwrap();
}

#[tokio::test]
async fn what_breaks_a_rule_is_named_and_changes_nothing() {
    let app = configured().variable("ai_origins", "http://ollama.internal:11434").start().await.unwrap();
    let admin = app.admin().await.unwrap();
    let before = patch(&admin, json!({"api_key": API_KEY})).await;
    let wrong = json!({
        "provider": "skynet",
        "model": "m".repeat(201),
        "base_url": format!("https://{}", "u".repeat(2048)),
        "api_key": "short",
    });
    assert_eq!(admin.patch(AI, &wrong).await.unwrap().refused(), ["body.provider"]);
    let wrong = json!({
        "provider": null,
        "model": "m".repeat(201),
        "base_url": format!("https://{}", "u".repeat(2048)),
        "api_key": "k".repeat(513),
    });
    let refused = admin.patch(AI, &wrong).await.unwrap().refused();
    assert_eq!(refused, ["body.api_key", "body.base_url", "body.model", "body.provider"]);
    for url in [
        "http://ai.example",
        "http://ollama.internal:11435",
        "http://ollama.internal:11434@evil.example",
        "https://user:password@ai.example",
        "https://",
        "ai.example",
        "file:///etc/passwd",
    ] {
        let body = json!({"base_url": url, "api_key": "another-key-1234"});
        assert_eq!(admin.patch(AI, &body).await.unwrap().refused(), ["body.base_url"], "{url}");
    }
    for key in ["", "1234567", "schlüssel-1", "line\nbreak-12"] {
        let answer = admin.patch(AI, &json!({"api_key": key})).await.unwrap();
        assert_eq!(answer.refused(), ["body.api_key"], "{key:?}");
        assert!(key.is_empty() || !answer.body.contains(key), "{answer}");
    }
    assert_eq!(admin.get(AI).await.unwrap().json(), before);
    let allowed = patch(&admin, json!({"base_url": "http://ollama.internal:11434/v1"})).await;
    assert_eq!(allowed["base_url"], json!("http://ollama.internal:11434/v1"));
    app.stop().await.unwrap();
}
