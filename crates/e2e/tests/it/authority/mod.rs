//! Authority holds at the time of the change, and what somebody issued ends with it (API.md, section 3).

mod create_admin;
mod issued;
mod late;
mod locks;

use e2e::{Answer, App, Caller};
use serde_json::{Value, json};

const USERS: &str = "/api/admin/users";

/// The path of an account.
async fn path(who: &Caller) -> String {
    format!("{USERS}/{}", who.id().await.unwrap())
}

async fn login(app: &App, email: &str, password: &str) -> Answer {
    app.anonymous().post("/api/auth/login", &json!({"username": email, "password": password})).await.unwrap()
}

/// Somebody with the token of a sign-in that succeeded.
fn with_token_of(app: &App, answer: &Answer) -> Caller {
    assert_eq!(answer.status, 200, "{answer}");
    app.anonymous().with_token(answer.json()["access_token"].as_str().unwrap())
}

async fn change_password(who: &Caller, current: &str, new: &str) -> Answer {
    let body = json!({"current_password": current, "new_password": new});
    who.post("/api/auth/password/change", &body).await.unwrap()
}

async fn reset(app: &App, token: &str, new: &str) -> Answer {
    app.anonymous().post("/api/auth/password/reset", &json!({"token": token, "new_password": new})).await.unwrap()
}

/// A reset token that an administrator issues for an account.
async fn issue_reset(admin: &Caller, account: &str) -> String {
    let issued = admin.post(&format!("{account}/password-reset"), &json!({})).await.unwrap();
    assert_eq!(issued.status, 201, "{issued}");
    issued.json()["token"].as_str().unwrap().to_owned()
}

/// What becomes of an administrator.
const ENDS: [(&str, Option<&str>); 3] =
    [("locked", Some(r#"{"is_active": false}"#)), ("demoted", Some(r#"{"role": "user"}"#)), ("deleted", None)];

/// Locks, demotes or deletes an account.
async fn end(admin: &Caller, account: &str, change: Option<&str>) {
    let answer = match change {
        Some(change) => admin.patch(account, &serde_json::from_str::<Value>(change).unwrap()).await.unwrap(),
        None => admin.delete(account).await.unwrap(),
    };
    assert!(answer.status.is_success(), "{answer}");
}
