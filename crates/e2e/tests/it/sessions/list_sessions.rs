//! GET /api/auth/sessions.

use std::collections::BTreeSet;

use e2e::Answer;
use insta::assert_snapshot;
use reqwest::Method;
use serde_json::{Value, json};

use super::{browser, change};
use crate::app;

const PATH: &str = "/api/auth/sessions";

fn sessions(answer: &Answer) -> Vec<Value> {
    answer.json().as_array().unwrap().clone()
}

#[tokio::test]
async fn everybody_sees_where_they_are_signed_in() {
    let app = app().await;
    let mut browser = browser().await;
    let anonymous = app.anonymous();
    let body = json!({"username": browser.email(), "password": e2e::Caller::PASSWORD});
    let phone = anonymous.request(Method::POST, "/api/auth/login").header("user-agent", "A phone").json(&body);
    let phone = anonymous.send(phone).await.unwrap();
    let answer = browser.get(PATH).await.unwrap();
    assert_snapshot!(answer, @r#"
    200 [
      {
        "created_at": "[time]",
        "current": false,
        "expires_at": "[time]",
        "id": "[uuid]",
        "ip": "127.0.0.1",
        "last_used_at": "[time]",
        "user_agent": "A phone"
      },
      {
        "created_at": "[time]",
        "current": true,
        "expires_at": "[time]",
        "id": "[uuid]",
        "ip": "127.0.0.1",
        "last_used_at": "[time]",
        "user_agent": null
      }
    ]
    "#);
    assert_eq!((answer.header("x-total-count"), answer.header("link")), ("2", ""));

    // Each of them is the one that asks, once.
    let phone = anonymous.with_token(phone.json()["access_token"].as_str().unwrap());
    let current = |answer: &Answer| sessions(answer).iter().map(|it| it["current"] == json!(true)).collect::<Vec<_>>();
    assert_eq!(current(&phone.get(PATH).await.unwrap()), [true, false]);
    assert_eq!(current(&answer), [false, true]);
}

#[tokio::test]
async fn what_is_over_is_not_listed() {
    let app = app().await;
    let mut browser = browser().await;
    app.sign_in(browser.email()).await.unwrap();
    app.browser_of(browser.email()).await.unwrap();
    assert_eq!(sessions(&browser.get(PATH).await.unwrap()).len(), 3);
    for end in [
        "update sessions s set idle_expires_at = now() from users u where u.id = s.user_id and u.email = $1
         and s.id = (select id from sessions where user_id = u.id order by created_at desc limit 1)",
        "update sessions s set expires_at = now() from users u where u.id = s.user_id and u.email = $1
         and s.id = (select id from sessions where user_id = u.id order by created_at desc offset 1 limit 1)",
    ] {
        change(end, browser.email()).await;
    }
    let answer = browser.get(PATH).await.unwrap();
    assert_eq!((sessions(&answer).len(), answer.header("x-total-count")), (1, "1"));
}

#[tokio::test]
async fn many_are_listed_page_by_page_the_newest_first() {
    let user = app().await.user().await.unwrap();
    // Of which many began at the same time.
    let insert = "insert into sessions (user_id, created_at, expires_at, idle_expires_at)
        select u.id, u.created_at - n / 7 * interval '1 minute', now() + interval '1 day', now() + interval '1 day'
        from users u, generate_series(1, 999) n where u.email = $1";
    change(insert, &user.email).await;
    for (path, pages) in [(PATH.to_owned(), 20), (format!("{PATH}?limit=200"), 5)] {
        let answers = user.pages(&path).await.unwrap();
        assert_eq!(answers.len(), pages, "{path}");
        assert!(answers.iter().all(|answer| answer.header("x-total-count") == "1000"), "{path}");
        let listed: Vec<_> = answers.iter().flat_map(sessions).collect();
        let ids: BTreeSet<_> = listed.iter().map(|session| session["id"].to_string()).collect();
        assert_eq!((listed.len(), ids.len()), (1000, 1000), "{path}");
        assert!(listed.is_sorted_by(|a, b| a["created_at"].as_str() >= b["created_at"].as_str()), "{path}");
        assert_eq!(listed[0]["current"], json!(true));
    }
    assert_eq!(user.get(&format!("{PATH}?limit=201")).await.unwrap().refused(), ["query.limit"]);
    assert_eq!(user.get(&format!("{PATH}?cursor=x")).await.unwrap().refused(), ["query.cursor"]);
}
