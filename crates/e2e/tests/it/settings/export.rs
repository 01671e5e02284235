//! /internal/settings/*: what the feature services are told.

use insta::assert_snapshot;
use reqwest::Method;
use serde_json::json;

use super::{AI, API_KEY, LIMITS, SERVICE_TOKEN, export, patch, start};

#[tokio::test]
async fn services_fetch_their_settings_once_per_change() {
    let (app, admin) = start().await;
    patch(&admin, json!({"provider": "custom", "base_url": "https://ai.example", "api_key": API_KEY})).await;
    let service = app.anonymous().with_token(SERVICE_TOKEN);
    for (name, change) in [("ai", AI), ("documents", LIMITS)] {
        let path = format!("/internal/settings/{name}");
        let known = async |etag: String| {
            service.send(service.request(Method::GET, &path).header("if-none-match", etag)).await.unwrap()
        };
        let first = service.get(&path).await.unwrap();
        assert_eq!((first.status.as_u16(), first.header("cache-control")), (200, "no-store"), "{first}");
        let etag = first.header("etag").to_owned();
        assert!(etag.len() > 2 && etag.starts_with('"') && etag.ends_with('"'), "{etag}");
        for sent in [etag.clone(), format!("W/{etag}"), format!("\"x\", {etag}"), "*".to_owned()] {
            let again = known(sent.clone()).await;
            assert_eq!((again.status.as_u16(), again.body.as_str()), (304, ""), "{sent}");
            assert_eq!(again.header("etag"), etag);
        }
        let body = json!({"model": "another", "max_pdf_mb": 26});
        assert_eq!(admin.patch(change, &body).await.unwrap().status, 200);
        let changed = known(etag.clone()).await;
        assert_eq!(changed.status, 200);
        assert_ne!(changed.header("etag"), etag);
    }
    assert_snapshot!(export(&admin, "ai").await, @r#"
    200 {
      "api_key": "sk-canary-7f3a9d-wxyz",
      "base_url": "https://ai.example",
      "model": "another",
      "provider": "custom",
      "updated_at": "[time]"
    }
    "#);
    assert_snapshot!(export(&admin, "documents").await, @r#"
    200 {
      "max_pdf_mb": 26,
      "updated_at": "[time]"
    }
    "#);
    app.stop().await.unwrap();
}

#[tokio::test]
async fn only_services_fetch_them() {
    let (app, admin) = start().await;
    let guess = app.anonymous().with_token("a-service-token-of-the-testz");
    for name in ["ai", "documents"] {
        let path = format!("/internal/settings/{name}");
        for caller in [&app.anonymous(), &app.user().await.unwrap(), &admin, &guess] {
            let answer = caller.get(&path).await.unwrap();
            assert_eq!((answer.status.as_u16(), answer.header("www-authenticate")), (401, "Bearer"), "{answer}");
        }
    }
    assert_eq!(export(&admin, "mail").await.code(), "not_found");
    assert_eq!(admin.with_token(SERVICE_TOKEN).get(AI).await.unwrap().status, 401);
    app.stop().await.unwrap();
}
