//! POST /api/auth/login.

use e2e::{Answer, Caller};
use insta::assert_snapshot;
use reqwest::Method;
use reqwest::header::HeaderValue;
use serde_json::json;

use crate::app;

async fn form(body: String) -> Answer {
    let anonymous = app().await.anonymous();
    let request = anonymous.request(Method::POST, "/api/auth/login");
    anonymous.send(request.header("content-type", "application/x-www-form-urlencoded").body(body)).await.unwrap()
}

async fn json(username: &str, password: &str) -> Answer {
    let body = json!({"username": username, "password": password});
    app().await.anonymous().post("/api/auth/login", &body).await.unwrap()
}

#[tokio::test]
async fn the_password_form_signs_in() {
    let user = app().await.user().await.unwrap();
    let email = user.email.to_uppercase().replace('@', "%40");
    let answer = form(format!(
        "grant_type=password&username=+{email}+&password=Correct-Horse&scope=&client_id=x&client_secret=y"
    ))
    .await;
    assert_snapshot!(answer, @r#"
    200 {
      "access_token": "[token]",
      "expires_in": 28800,
      "refresh_token": "[refresh token]",
      "token_type": "bearer"
    }
    "#);
    let signed_in = user.with_token(answer.json()["access_token"].as_str().unwrap());
    assert_eq!(signed_in.get("/api/users/me").await.unwrap().status, 200);
}

#[tokio::test]
async fn the_same_fields_as_json_sign_in() {
    let user = app().await.user().await.unwrap();
    assert_eq!(json(&user.email, Caller::PASSWORD).await.status, 200);
}

#[tokio::test]
async fn unknown_wrong_and_inactive_are_one_answer() {
    let app = app().await;
    let (user, inactive) = (app.user().await.unwrap(), app.user().await.unwrap());
    app.database().execute("update users set is_active = false where email = $1", &inactive.email).await.unwrap();
    let unknown = json("nobody@example.com", Caller::PASSWORD).await;
    assert_snapshot!(unknown, @r#"
    401 {
      "code": "invalid_credentials",
      "detail": "The e-mail address or the password is wrong",
      "request_id": "[uuid]"
    }
    "#);
    assert_eq!(unknown.header("www-authenticate"), "Bearer");
    for answer in [
        json("no address", Caller::PASSWORD).await,
        json(&user.email, "Wrong-Horse").await,
        json(&user.email, "").await,
        json(&inactive.email, Caller::PASSWORD).await,
    ] {
        assert_eq!(answer.to_string(), unknown.to_string());
    }
}

#[tokio::test]
async fn another_grant_type_is_refused() {
    assert_snapshot!(form("grant_type=client_credentials&username=a&password=b".to_owned()).await, @r#"
    400 {
      "code": "unsupported_grant_type",
      "detail": "The only grant type is password",
      "request_id": "[uuid]"
    }
    "#);
}

#[tokio::test]
async fn missing_fields_are_listed() {
    assert_snapshot!(form("grant_type=password".to_owned()).await, @r#"
    422 {
      "code": "validation_error",
      "detail": [
        {
          "loc": [
            "body",
            "username"
          ],
          "msg": "Field required",
          "type": "missing"
        },
        {
          "loc": [
            "body",
            "password"
          ],
          "msg": "Field required",
          "type": "missing"
        }
      ],
      "request_id": "[uuid]"
    }
    "#);
}

#[tokio::test]
async fn a_nul_in_a_form_is_refused() {
    let answer = form("username=a%00b&password=x".to_owned()).await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (422, "validation_error"));
}

#[tokio::test]
async fn a_weaker_hash_is_verified_and_replaced() {
    let app = app().await;
    // Of "Correct-Horse", made by Python's bcrypt and argon2-cffi.
    for hash in [
        "$2b$04$NsMsA09oVF9u78GMm8.jAeCfXG5TelsWaM8vzmCI80ah63GZpy.E6",
        "$argon2id$v=19$m=8192,t=1,p=1$I1Ea7QlDSsSUxVJ0kvjdKg$VdObRzrRAK085pskEajVllwTt2fmu8faNhMTl8KXgdk",
    ] {
        let user = app.user().await.unwrap();
        let set = "update users set password_hash = split_part($1, ' ', 1) where email = split_part($1, ' ', 2)";
        assert_eq!(app.database().execute(set, &format!("{hash} {}", user.email)).await.unwrap(), 1);
        assert_eq!(json(&user.email, "Wrong-Horse").await.status, 401);
        assert_eq!(json(&user.email, Caller::PASSWORD).await.status, 200);
        let stored =
            app.database().text("select password_hash from users where email = $1", &user.email).await.unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
        assert_eq!(json(&user.email, Caller::PASSWORD).await.status, 200);
    }
}

#[tokio::test]
async fn of_several_who_sign_in_at_once_with_a_weaker_hash_none_is_refused() {
    let app = app().await;
    let user = app.user().await.unwrap();
    let set = "update users set password_hash = '$2b$04$NsMsA09oVF9u78GMm8.jAeCfXG5TelsWaM8vzmCI80ah63GZpy.E6'
               where email = $1";
    assert_eq!(app.database().execute(set, &user.email).await.unwrap(), 1);
    let answers = futures::future::join_all((0..4).map(|_| json(&user.email, Caller::PASSWORD))).await;
    let statuses: Vec<_> = answers.iter().map(|answer| answer.status.as_u16()).collect();
    assert_eq!(statuses, [200, 200, 200, 200]);
}

#[tokio::test]
async fn a_session_keeps_where_it_came_from() {
    let app = app().await;
    let user = app.user().await.unwrap();
    let anonymous = app.anonymous();
    let request = anonymous
        .request(Method::POST, "/api/auth/login")
        .header("user-agent", "a".repeat(600))
        .header("spin-client-addr", "6.6.6.6:1")
        .json(&json!({"username": user.email, "password": Caller::PASSWORD}));
    assert_eq!(anonymous.send(request).await.unwrap().status, 200);
    let newest = "select s.ip || ' ' || length(s.user_agent) from sessions s join users u on u.id = s.user_id
                  where u.email = $1 order by s.created_at desc limit 1";
    assert_eq!(app.database().text(newest, &user.email).await.unwrap(), "127.0.0.1 512");
}

#[tokio::test]
async fn a_user_agent_survives_an_unreadable_character() {
    let app = app().await;
    let user = app.user().await.unwrap();
    let anonymous = app.anonymous();
    // Of bytes that are not UTF-8 the host answers 500 before a component sees the request.
    let request = anonymous
        .request(Method::POST, "/api/auth/login")
        .header("user-agent", HeaderValue::from_bytes("Café/1.0".as_bytes()).unwrap())
        .json(&json!({"username": user.email, "password": Caller::PASSWORD}));
    assert_eq!(anonymous.send(request).await.unwrap().status, 200);
    let newest = "select s.user_agent from sessions s join users u on u.id = s.user_id
                  where u.email = $1 order by s.created_at desc limit 1";
    assert_eq!(app.database().text(newest, &user.email).await.unwrap(), "Café/1.0");
}

#[tokio::test]
async fn an_address_may_have_invisible_characters_at_its_ends() {
    let user = app().await.user().await.unwrap();
    for username in [format!("\u{200b}{}", user.email), format!("\u{202a} {}\u{202c}\u{feff} ", user.email)] {
        assert_eq!(json(&username, Caller::PASSWORD).await.status, 200, "{username:?}");
    }
    assert_eq!(json(&user.email.replace('@', "\u{200b}@"), Caller::PASSWORD).await.status, 401);
}
