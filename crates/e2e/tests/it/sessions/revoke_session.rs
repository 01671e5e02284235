//! DELETE /api/auth/sessions/{id}.

use e2e::{Answer, Browser};
use insta::assert_snapshot;
use serde_json::json;

use super::{CLEARED, browser, change};
use crate::app;

const ME: &str = "/api/users/me";

/// The id of the session of a browser.
async fn id(browser: &mut Browser) -> String {
    let sessions = browser.get("/api/auth/sessions").await.unwrap().json();
    let own = sessions.as_array().unwrap().iter().find(|session| session["current"] == json!(true)).unwrap();
    own["id"].as_str().unwrap().to_owned()
}

async fn revoke(browser: &mut Browser, id: &str) -> Answer {
    browser.delete(&format!("/api/auth/sessions/{id}")).await.unwrap()
}

#[tokio::test]
async fn a_lost_device_is_signed_out_from_another() {
    let mut browser = browser().await;
    let mut lost = app().await.browser_of(browser.email()).await.unwrap();
    let session = id(&mut lost).await;
    assert_eq!(revoke(&mut browser, &session).await.status, 204);
    let answer = lost.clone().get(ME).await.unwrap();
    assert_eq!((answer.code().as_str(), answer.cookies().as_str()), ("session_ended", CLEARED));
    assert_eq!(lost.post("/api/auth/refresh").await.unwrap().code(), "session_ended");
    assert_eq!(browser.get(ME).await.unwrap().status, 200);
    assert_snapshot!(revoke(&mut browser, &session).await, @r#"
    404 {
      "code": "session_not_found",
      "detail": "You have no such session",
      "request_id": "[uuid]"
    }
    "#);
}

#[tokio::test]
async fn one_may_end_the_session_that_one_has() {
    let mut browser = browser().await;
    let session = id(&mut browser).await;
    assert_eq!(revoke(&mut browser, &session).await.status, 204);
    assert_eq!(browser.get(ME).await.unwrap().code(), "session_ended");
}

#[tokio::test]
async fn other_peoples_sessions_are_not_there() {
    let (mut browser, mut other) = (browser().await, browser().await);
    let session = id(&mut other).await;
    let answer = revoke(&mut browser, &session).await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (404, "session_not_found"));
    assert_eq!(other.get(ME).await.unwrap().status, 200);
    assert_eq!(revoke(&mut browser, "nonsense").await.refused(), ["path.id"]);
}

#[tokio::test]
async fn what_is_over_is_not_there_either() {
    let mut browser = browser().await;
    let mut old = app().await.browser_of(browser.email()).await.unwrap();
    let session = id(&mut old).await;
    let end = "update sessions s set idle_expires_at = now() from users u where u.id = s.user_id and u.email = $1
        and s.id = (select id from sessions where user_id = u.id order by created_at desc limit 1)";
    change(end, browser.email()).await;
    assert_eq!(revoke(&mut browser, &session).await.code(), "session_not_found");
}
