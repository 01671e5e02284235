//! Bodies as FastAPI reads them: forms of both kinds, and JSON.

use e2e::{Answer, Caller};
use insta::assert_snapshot;
use reqwest::{Body, Method};
use serde_json::{Value, json};

use crate::app;

const URLENCODED: &str = "application/x-www-form-urlencoded";
const MULTIPART: &str = "multipart/form-data; boundary=X";

async fn login(content_type: &str, body: impl Into<Body>) -> Answer {
    let anonymous = app().await.anonymous();
    let request = anonymous.request(Method::POST, "/api/auth/login").header("content-type", content_type);
    anonymous.send(request.body(body)).await.unwrap()
}

/// A form of parts, each with its name (and what else belongs there) and its content.
fn form(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, content) in parts {
        body.extend(format!("--X\r\nContent-Disposition: form-data; name={name}\r\n\r\n").bytes());
        body.extend(*content);
        body.extend(b"\r\n");
    }
    body.extend(b"--X--\r\n");
    body
}

/// The type of the one refusal.
fn kind(answer: &Answer) -> Value {
    let detail = &answer.json()["detail"];
    assert_eq!(detail.as_array().map(Vec::len), Some(1), "{answer}");
    detail[0]["type"].clone()
}

#[tokio::test]
async fn a_multipart_form_signs_in() {
    let user = app().await.user().await.unwrap();
    let parts: [(&str, &[u8]); 6] = [
        ("\"grant_type\"", b"password"),
        ("\"username\"", user.email.as_bytes()),
        ("\"password\"", Caller::PASSWORD.as_bytes()),
        ("\"scope\"", b""),
        ("\"client_id\"", b"x"),
        ("\"picture\"; filename=\"a.png\"\r\nContent-Type: image/png", b"\x89PNG\r\n"),
    ];
    let answer = login(MULTIPART, form(&parts)).await;
    assert_snapshot!(answer, @r#"
    200 {
      "access_token": "[token]",
      "expires_in": 28800,
      "refresh_token": "[refresh token]",
      "token_type": "bearer"
    }
    "#);
    let parts: [(&str, &[u8]); 3] =
        [("grant_type", b"other"), ("username", user.email.as_bytes()), ("password", Caller::PASSWORD.as_bytes())];
    assert_eq!(login(MULTIPART, form(&parts)).await.code(), "unsupported_grant_type");
}

#[tokio::test]
async fn an_empty_form_field_counts_as_absent() {
    let user = app().await.user().await.unwrap();
    let email = user.email.replace('@', "%40");
    let body = format!("grant_type=&username={email}&password={}&scope=", Caller::PASSWORD);
    assert_eq!(login(URLENCODED, body).await.status, 200);
    assert_eq!(login(URLENCODED, format!("username={email}&password=")).await.refused(), ["body.password"]);
    assert_eq!(login(URLENCODED, "username=&password=").await.refused(), ["body.password", "body.username"]);
    assert_eq!(login(URLENCODED, "").await.refused(), ["body.password", "body.username"]);

    let (name, password) = (user.email.as_bytes(), Caller::PASSWORD.as_bytes());
    let body = form(&[("grant_type", b""), ("username", name), ("password", password)]);
    assert_eq!(login(MULTIPART, body).await.status, 200);
    let answer = login(MULTIPART, form(&[("username", name), ("password", b"")])).await;
    assert_eq!((answer.refused(), kind(&answer)), (vec!["body.password".to_owned()], json!("missing")));
}

#[tokio::test]
async fn of_a_field_that_is_sent_twice_the_last_value_counts() {
    let user = app().await.user().await.unwrap();
    let email = user.email.replace('@', "%40");
    for (passwords, status) in [
        ("password=Wrong-Horse&password=Correct-Horse", 200),
        ("password=Correct-Horse&password=Wrong-Horse", 401),
        ("password=Correct-Horse&password=", 422),
    ] {
        assert_eq!(login(URLENCODED, format!("username={email}&{passwords}")).await.status, status, "{passwords}");
    }
    let (name, right) = (user.email.as_bytes(), Caller::PASSWORD.as_bytes());
    for (first, last, status) in [(&b"x"[..], right, 200), (right, &b"x"[..], 401), (right, &b""[..], 422)] {
        let body = form(&[("username", name), ("password", first), ("password", last)]);
        assert_eq!(login(MULTIPART, body).await.status, status);
    }
}

#[tokio::test]
async fn a_file_or_other_bytes_are_no_text() {
    let file = form(&[("username", b"a"), ("\"password\"; filename=\"b.txt\"", b"b")]);
    assert_snapshot!(login(MULTIPART, file).await, @r#"
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
        }
      ],
      "request_id": "[uuid]"
    }
    "#);
    let bytes = login(MULTIPART, form(&[("username", b"a"), ("password", b"\xff")])).await;
    assert_eq!((bytes.refused(), kind(&bytes)), (vec!["body.password".to_owned()], json!("string_type")));
    let nul = login(MULTIPART, form(&[("username", b"a\0b"), ("password", b"c")])).await;
    assert_eq!((nul.refused(), kind(&nul)), (vec!["body.username".to_owned()], json!("string_nul")));
}

#[tokio::test]
async fn a_multipart_form_that_cannot_be_read_is_422() {
    let whole = form(&[("username", b"a"), ("password", b"b")]);
    assert_snapshot!(login("multipart/form-data", whole.clone()).await, @r#"
    422 {
      "code": "validation_error",
      "detail": [
        {
          "loc": [
            "body"
          ],
          "msg": "The form cannot be read: its boundary is missing, or it is broken off",
          "type": "form_invalid"
        }
      ],
      "request_id": "[uuid]"
    }
    "#);
    for content_type in
        ["multipart/form-data; boundary=", "multipart/form-data; boundary=ü", "multipart/form-data; boundary=Y"]
    {
        assert_eq!(kind(&login(content_type, whole.clone()).await), json!("form_invalid"), "{content_type}");
    }
    for body in [&b""[..], b"--X", b"username=a&password=b", &whole[..whole.len() - 5]] {
        assert_eq!(kind(&login(MULTIPART, body.to_vec()).await), json!("form_invalid"), "{}", body.escape_ascii());
    }
    assert_eq!(login("multipart/mixed; boundary=X", whole).await.status, 415);
}

#[tokio::test]
async fn a_form_of_more_than_a_thousand_fields_is_refused() {
    let user = app().await.user().await.unwrap();
    let most =
        format!("username={}&password={}", user.email.replace('@', "%40"), Caller::PASSWORD) + &"&a=b".repeat(998);
    assert_eq!(login(URLENCODED, most.clone()).await.status, 200);
    let (name, password) = (user.email.as_bytes(), Caller::PASSWORD.as_bytes());
    let mut parts = vec![("a", &b"b"[..]); 998];
    parts.extend([("username", name), ("password", password)]);
    assert_eq!(login(MULTIPART, form(&parts)).await.status, 200);
    parts.push(("a", b"b"));

    for (content_type, body) in [
        (URLENCODED, (most + "&a=b").into_bytes()),
        (URLENCODED, "k=&".repeat(230_000).into_bytes()),
        (MULTIPART, form(&parts)),
    ] {
        let answer = login(content_type, body).await;
        assert_eq!((answer.refused(), kind(&answer)), (vec!["body".to_owned()], json!("too_many_fields")));
    }
    // A body that is too long is refused as such, whatever it is.
    for content_type in [URLENCODED, MULTIPART] {
        assert_eq!(login(content_type, "&".repeat(1024 * 1024 + 1)).await.code(), "body_too_large", "{content_type}");
    }
}

#[tokio::test]
async fn json_may_hold_many_unknown_fields_and_begin_with_a_byte_order_mark() {
    let user = app().await.user().await.unwrap();
    let fields = format!(r#""username":"{}","password":"{}""#, user.email, Caller::PASSWORD);
    assert_eq!(login("application/json", format!("\u{feff}{{{fields}}}")).await.status, 200);
    assert_eq!(login("application/json", format!("{{{}{fields}}}", r#""k":0,"#.repeat(140_000))).await.status, 200);
    let answer = login("application/json", format!("\u{feff}\u{feff}{{{fields}}}")).await;
    assert_eq!(kind(&answer), json!("json_invalid"));

    let register = app().await.anonymous().request(Method::POST, "/api/auth/register");
    let body = format!("\u{feff}{}", json!({"email": user.email, "password": Caller::PASSWORD}));
    let request = register.header("content-type", "application/json").body(body);
    assert_eq!(app().await.anonymous().send(request).await.unwrap().code(), "email_taken");
}

#[tokio::test]
async fn the_document_names_every_kind_of_body_that_signs_in() {
    let document = app().await.anonymous().get("/api/openapi.json").await.unwrap().json();
    let content = document["paths"]["/api/auth/login"]["post"]["requestBody"]["content"].as_object().unwrap();
    let mut types: Vec<_> = content.keys().map(String::as_str).collect();
    types.sort_unstable();
    assert_eq!(types, ["application/json", URLENCODED, "multipart/form-data"]);
}
