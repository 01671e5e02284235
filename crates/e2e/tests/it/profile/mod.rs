//! /api/profile.

mod read;
mod update;

use e2e::Caller;
use serde_json::Value;

const PROFILE: &str = "/api/profile";

/// Somebody's profile.
async fn profile(user: &Caller) -> Value {
    let answer = user.get(PROFILE).await.unwrap();
    assert_eq!(answer.status, 200, "{answer}");
    answer.json()
}
