//! GET /.well-known/jwks.json.

use crate::app;

#[tokio::test]
async fn the_public_keys_are_published_and_cacheable() {
    let app = app().await;
    let answer = app.anonymous().get("/.well-known/jwks.json").await.unwrap();
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("cache-control"), "public, max-age=600");
    let keys = answer.json()["keys"].clone();
    assert_eq!(keys.as_array().unwrap().len(), 1);
    let names: Vec<_> = keys[0].as_object().unwrap().keys().cloned().collect();
    assert_eq!(names, ["alg", "crv", "kid", "kty", "use", "x"], "nothing private is among them");
    assert_eq!((&keys[0]["alg"], &keys[0]["kty"]), (&"EdDSA".into(), &"OKP".into()));
}
