//! /healthz, /readyz and every path that nobody claims.

use insta::assert_snapshot;

use crate::app;

#[tokio::test]
async fn a_process_that_serves_is_alive() {
    assert_snapshot!(app().await.anonymous().get("/healthz").await.unwrap(), @r#"
    200 {
      "status": "ok"
    }
    "#);
}

#[tokio::test]
async fn a_service_that_has_all_it_needs_is_ready() {
    assert_snapshot!(app().await.anonymous().get("/readyz").await.unwrap(), @r#"
    200 {
      "status": "ok"
    }
    "#);
}

#[tokio::test]
async fn an_unknown_path_is_404_in_the_contracts_shape() {
    let anonymous = app().await.anonymous();
    let answer = anonymous.get("/no/such/thing").await.unwrap();
    assert_snapshot!(answer, @r#"
    404 {
      "code": "not_found",
      "detail": "There is no such route",
      "request_id": "[uuid]"
    }
    "#);
    for path in [
        "/",
        "/api",
        "/api/auth",
        "/api/auth/",
        "/api/auth/nothing",
        "/api/users",
        "/.well-known/",
        "/healthz/",
        "/HEALTHZ",
    ] {
        assert_eq!(anonymous.get(path).await.unwrap().to_string(), answer.to_string(), "{path}");
    }
}
