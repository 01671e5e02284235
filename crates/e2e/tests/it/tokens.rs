//! Tokens that are not accepted, none of which reaches the database.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use e2e::{App, Keys};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

pub(crate) fn decode(part: &str) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

fn encode(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

fn with(value: &Value, key: &str, new: Value) -> Value {
    let mut changed = value.clone();
    changed[key] = new;
    changed
}

fn hs256(header: &Value, claims: &Value, secret: &[u8]) -> String {
    let message = format!("{}.{}", encode(&with(header, "alg", json!("HS256"))), encode(claims));
    let mac = Hmac::<Sha256>::new_from_slice(secret).unwrap().chain_update(&message).finalize();
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(mac.into_bytes()))
}

/// Every way to be wrong, by name.
fn forgeries(genuine: &str, keys: &Keys) -> Vec<(&'static str, String)> {
    let parts: Vec<_> = genuine.split('.').collect();
    let (header, claims) = (decode(parts[0]), decode(parts[1]));
    let pem = keys.verifying_pem().unwrap();
    let unsigned = format!("{}.{}.", encode(&json!({"alg": "none", "typ": "JWT"})), parts[1]);
    let past = json!(1_700_000_000);
    let stranger = Keys::generate().unwrap();
    vec![
        ("no token", "nonsense".to_owned()),
        ("20 KB", format!("{genuine}{}", "a".repeat(20 * 1024))),
        ("20 KB of claims", keys.sign(&header, &with(&claims, "filler", json!("a".repeat(20 * 1024))))),
        ("alg none", unsigned.clone()),
        ("alg none with the kid", format!("{}.{}.", encode(&with(&header, "alg", json!("none"))), parts[1])),
        ("HS256 with the public key's PEM", hs256(&header, &claims, pem.as_bytes())),
        ("HS256 with the public key's DER", hs256(&header, &claims, pem::parse(&pem).unwrap().contents())),
        ("RS256 in the header of an EdDSA key", keys.sign(&with(&header, "alg", json!("RS256")), &claims)),
        ("an unknown kid", keys.sign(&with(&header, "kid", json!("unknown")), &claims)),
        ("no kid", keys.sign(&json!({"alg": "EdDSA"}), &claims)),
        ("another key under the kid", stranger.sign(&header, &claims)),
        ("a cut signature", genuine[..genuine.len() - 4].to_owned()),
        ("no signature", format!("{}.{}.", parts[0], parts[1])),
        ("changed claims", format!("{}.{}.{}", parts[0], encode(&with(&claims, "role", json!("admin"))), parts[2])),
        ("another issuer", keys.sign(&header, &with(&claims, "iss", json!("other")))),
        ("another audience", keys.sign(&header, &with(&claims, "aud", json!("other")))),
        ("no audience", keys.sign(&header, &with(&claims, "aud", Value::Null))),
        ("no expiry", keys.sign(&header, &with(&claims, "exp", Value::Null))),
        ("a subject that is no id", keys.sign(&header, &with(&claims, "sub", json!("1 or 1=1")))),
        ("expired", keys.sign(&header, &with(&claims, "exp", past))),
    ]
}

#[tokio::test]
async fn a_token_that_is_not_ours_is_401_and_does_not_reach_the_database() {
    let app = App::start().await.unwrap();
    let user = app.user().await.unwrap();
    assert_eq!(user.get("/api/users/me").await.unwrap().status, 200);
    // Whoever asks the table from here on gets an error, and so a 500.
    app.database().raw("alter table sessions rename to gone").await.unwrap();
    assert_eq!(user.get("/api/users/me").await.unwrap().status, 500, "a genuine token does reach the database");
    for (name, token) in forgeries(&user.token, app.keys()) {
        let answer = user.with_token(&token).get("/api/users/me").await.unwrap();
        let code = if name == "expired" { "token_expired" } else { "invalid_token" };
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (401, code), "{name}");
        assert_eq!(answer.header("www-authenticate"), "Bearer", "{name}");
    }
    app.stop().await.unwrap();
}

#[tokio::test]
async fn a_header_that_holds_no_bearer_token_is_401() {
    let anonymous = crate::app().await.anonymous();
    for value in ["", "Bearer", "Basic YTpi", "Token abc", "bearer"] {
        let request = anonymous.request(reqwest::Method::GET, "/api/users/me").header("authorization", value);
        assert_eq!(anonymous.send(request).await.unwrap().code(), "not_authenticated", "{value:?}");
    }
}

#[tokio::test]
async fn the_scheme_is_read_without_case() {
    let user = crate::app().await.user().await.unwrap();
    let anonymous = user.with_token("");
    let request = anonymous
        .request(reqwest::Method::GET, "/api/users/me")
        .header("authorization", format!("bEARER {}", user.token));
    assert_eq!(anonymous.send(request).await.unwrap().status, 200);
}

#[tokio::test]
async fn rs256_signs_and_verifies_and_earlier_keys_stay_good() {
    let rsa = std::env::var("FRONTDESK_TEST_KEYS").expect("started by scripts/test");
    let read = |name| std::fs::read_to_string(std::path::Path::new(&rsa).join("rs256").join(name)).unwrap();
    let earlier = Keys::generate().unwrap();
    let app = App::builder()
        .variable("signing_key", read("signing_key.pem"))
        .variable("verifying_keys", read("verifying_keys.pem") + earlier.verifying_pem().unwrap().as_str())
        .start()
        .await
        .unwrap();
    let user = app.user().await.unwrap();
    let parts: Vec<_> = user.token.split('.').collect();
    assert_eq!(decode(parts[0])["alg"], json!("RS256"));
    assert_eq!(user.get("/api/users/me").await.unwrap().status, 200);

    let jwks = user.get("/.well-known/jwks.json").await.unwrap().json();
    assert_eq!(jwks["keys"].as_array().unwrap().len(), 2);
    assert_eq!(jwks["keys"][0]["kid"], decode(parts[0])["kid"]);
    let header = json!({"alg": "EdDSA", "kid": jwks["keys"][1]["kid"]});
    let token = earlier.sign(&header, &decode(parts[1]));
    assert_eq!(user.with_token(&token).get("/api/users/me").await.unwrap().status, 200);

    for (name, token) in [
        ("a cut signature", user.token[..user.token.len() - 4].to_owned()),
        (
            "EdDSA in the header of an RSA key",
            earlier.sign(&with(&header, "kid", jwks["keys"][0]["kid"].clone()), &decode(parts[1])),
        ),
        (
            "HS256 with the public key's PEM",
            hs256(&decode(parts[0]), &decode(parts[1]), read("verifying_keys.pem").as_bytes()),
        ),
    ] {
        assert_eq!(user.with_token(&token).get("/api/users/me").await.unwrap().code(), "invalid_token", "{name}");
    }
    app.stop().await.unwrap();
}
