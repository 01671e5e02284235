//! POST /api/auth/register.

use e2e::{App, Caller};
use futures::future::join;
use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::app;

async fn register(body: Value) -> e2e::Answer {
    app().await.anonymous().post("/api/auth/register", &body).await.unwrap()
}

#[tokio::test]
async fn an_account_is_made_and_can_be_signed_in_to() {
    let email = App::new_email();
    let answer = register(json!({"email": format!("  {} ", email.to_uppercase()), "password": Caller::PASSWORD, "full_name": " Ada ", "extra": 1})).await;
    assert_snapshot!(answer, @r#"
    201 {
      "created_at": "[time]",
      "email": "[email]",
      "email_verified": false,
      "full_name": "Ada",
      "id": "[uuid]",
      "is_active": true,
      "last_login_at": null,
      "mfa_enabled": false,
      "role": "user",
      "updated_at": "[time]"
    }
    "#);
    assert_eq!(answer.json()["email"], json!(email));
    app().await.sign_in(&email).await.unwrap();
}

#[tokio::test]
async fn only_the_hash_of_a_password_is_kept() {
    let user = app().await.user().await.unwrap();
    let hash =
        app().await.database().text("select password_hash from users where email = $1", &user.email).await.unwrap();
    assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
}

#[tokio::test]
async fn every_broken_rule_is_listed() {
    assert_snapshot!(register(json!({"email": "ada", "password": "tEst", "full_name": "x".repeat(201)})).await, @r#"
    422 {
      "code": "validation_error",
      "detail": [
        {
          "loc": [
            "body",
            "email"
          ],
          "msg": "This is not a valid e-mail address",
          "type": "email_invalid"
        },
        {
          "loc": [
            "body",
            "password"
          ],
          "msg": "The password must have at least 8 characters",
          "type": "password_too_short"
        },
        {
          "loc": [
            "body",
            "password"
          ],
          "msg": "The password must contain a special character",
          "type": "password_no_special"
        },
        {
          "loc": [
            "body",
            "password"
          ],
          "msg": "The password must not contain \"test\"",
          "type": "password_contains_test"
        },
        {
          "loc": [
            "body",
            "full_name"
          ],
          "msg": "full_name must have at most 200 characters",
          "type": "string_too_long"
        }
      ],
      "request_id": "[uuid]"
    }
    "#);
}

#[tokio::test]
async fn missing_and_mistyped_fields_are_listed() {
    assert_snapshot!(register(json!({"password": 5})).await, @r#"
    422 {
      "code": "validation_error",
      "detail": [
        {
          "loc": [
            "body",
            "password"
          ],
          "msg": "Input should be a valid string",
          "type": "string_type"
        },
        {
          "loc": [
            "body",
            "email"
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
async fn a_nul_in_a_text_is_refused() {
    let body = json!({"email": App::new_email(), "password": Caller::PASSWORD, "full_name": "a\0b"});
    assert_snapshot!(register(body).await, @r#"
    422 {
      "code": "validation_error",
      "detail": [
        {
          "loc": [
            "body",
            "full_name"
          ],
          "msg": "A text must not contain NUL characters",
          "type": "string_nul"
        }
      ],
      "request_id": "[uuid]"
    }
    "#);
}

#[tokio::test]
async fn names_keep_their_characters() {
    let name = "أدا 👩🏽‍💻 Ünïcøde";
    let answer = register(json!({"email": App::new_email(), "password": Caller::PASSWORD, "full_name": name})).await;
    assert_eq!(answer.json()["full_name"], json!(name));
}

#[tokio::test]
async fn a_blank_name_is_no_name() {
    let answer = register(json!({"email": App::new_email(), "password": Caller::PASSWORD, "full_name": "  "})).await;
    assert_eq!(answer.json()["full_name"], Value::Null);
}

#[tokio::test]
async fn an_address_is_taken_whatever_its_case() {
    let user = app().await.user().await.unwrap();
    let answer = register(json!({"email": user.email.to_uppercase(), "password": Caller::PASSWORD})).await;
    assert_snapshot!(answer, @r#"
    409 {
      "code": "email_taken",
      "detail": "There is an account with this e-mail address",
      "request_id": "[uuid]"
    }
    "#);
}

#[tokio::test]
async fn of_two_registrations_of_one_address_at_once_one_is_made() {
    for _ in 0..5 {
        let body = json!({"email": App::new_email(), "password": Caller::PASSWORD});
        let (one, other) = join(register(body.clone()), register(body)).await;
        let mut statuses = [one.status.as_u16(), other.status.as_u16()];
        statuses.sort_unstable();
        assert_eq!(statuses, [201, 409], "{one} {other}");
    }
}

#[tokio::test]
async fn closed_registration_refuses_before_it_looks_at_the_body() {
    let app = App::builder().variable("registration", "closed").start().await.unwrap();
    let answer = app.anonymous().post("/api/auth/register", &json!({})).await.unwrap();
    assert_snapshot!(answer, @r#"
    403 {
      "code": "registration_closed",
      "detail": "Sign-up is closed: an administrator can make an account",
      "request_id": "[uuid]"
    }
    "#);
    app.stop().await.unwrap();
}

#[tokio::test]
async fn an_address_loses_invisible_characters_at_its_ends() {
    let email = App::new_email();
    let sent = format!("\u{200b} {email}\u{feff}");
    let answer = register(json!({"email": sent, "password": Caller::PASSWORD})).await;
    assert_eq!((answer.status.as_u16(), &answer.json()["email"]), (201, &json!(email)), "{answer}");
    let again = register(json!({"email": format!("{email}\u{2060}"), "password": Caller::PASSWORD})).await;
    assert_eq!(again.code(), "email_taken");
}

#[tokio::test]
async fn both_unicode_forms_of_a_password_break_the_same_rules() {
    for (count, statuses) in [(7, 422), (8, 201), (128, 201), (129, 422)] {
        for accented in ["\u{e9}", "e\u{301}"] {
            let password = format!("A!{}", accented.repeat(count - 2));
            let answer = register(json!({"email": App::new_email(), "password": password})).await;
            assert_eq!(answer.status, statuses, "{count} characters of {accented:?}: {answer}");
        }
    }
    // A combining accent is no special character.
    let answer = register(json!({"email": App::new_email(), "password": "Abcdefge\u{301}"})).await;
    assert_eq!(answer.json()["detail"][0]["type"], json!("password_no_special"), "{answer}");
}
