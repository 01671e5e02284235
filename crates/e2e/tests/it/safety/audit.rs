//! What the audit log says of signing in.

use e2e::{App, Caller};
use serde_json::json;

use super::{login_from, new_account, new_ip, post_from, strict};
use crate::app;

/// The actions on an account or its sessions, in their order.
async fn actions(app: &App, email: &str) -> String {
    let actions = "select coalesce(string_agg(action, ' ' order by at), '') from audit_log
        where target_id = (select id::text from users where email = $1)
           or target_type = 'session' and actor_id = (select id from users where email = $1)";
    app.database().text(actions, email).await.unwrap()
}

#[tokio::test]
async fn every_event_of_an_account_is_told_once() {
    let app = app().await;
    let user = app.user().await.unwrap();
    let login = |password: &'static str| {
        let (anonymous, email) = (app.anonymous(), user.email.clone());
        async move { anonymous.post("/api/auth/login", &json!({"username": email, "password": password})).await.unwrap() }
    };
    assert_eq!(actions(app, &user.email).await, "auth.registered auth.login");
    assert_eq!(login("Wrong-Horse").await.status, 401);
    let second = login(Caller::PASSWORD).await.json();
    let refresh = json!({"refresh_token": second["refresh_token"]});
    assert_eq!(app.anonymous().post("/api/auth/refresh", &refresh).await.unwrap().status, 200);
    // The same token within ten seconds changes nothing.
    assert_eq!(app.anonymous().post("/api/auth/refresh", &refresh).await.unwrap().status, 200);
    let body = json!({"current_password": "Wrong-Horse", "new_password": "Better-Horse"});
    assert_eq!(user.post("/api/auth/password/change", &body).await.unwrap().status, 422);
    let again = json!({"email": user.email, "password": Caller::PASSWORD});
    assert_eq!(app.anonymous().post("/api/auth/register", &again).await.unwrap().status, 409);
    assert_eq!(
        app.anonymous().post("/api/auth/password/forgot", &json!({"email": user.email})).await.unwrap().status,
        202
    );
    let body = json!({"current_password": Caller::PASSWORD, "new_password": "Better-Horse"});
    assert_eq!(user.post("/api/auth/password/change", &body).await.unwrap().status, 204);
    assert_eq!(user.post("/api/auth/logout", &json!({})).await.unwrap().status, 204);
    assert_eq!(user.post("/api/auth/logout", &json!({})).await.unwrap().status, 204);
    assert_eq!(
        actions(app, &user.email).await,
        "auth.registered auth.login auth.login_failed auth.login auth.refreshed auth.password_change_failed \
         auth.register_failed auth.password_forgot auth.password_changed auth.logout"
    );
}

#[tokio::test]
async fn a_row_says_who_did_it_from_where_and_by_which_request() {
    let app = strict().await;
    let (email, ip) = (new_account(app).await, new_ip());
    let login = login_from(app, &ip, &email, Caller::PASSWORD).await;
    let row = "select concat_ws(' ', actor_id = (select id from users where email = $1), ip, request_id, target_type,
                   changes #>> '{session_id,0}', (changes #>> '{session_id,1}') is not null)
               from audit_log where action = 'auth.login' and actor_id = (select id from users where email = $1)";
    let expected = format!("t {ip} {} user t", login.header("x-request-id"));
    assert_eq!(app.database().text(row, &email).await.unwrap(), expected);
}

#[tokio::test]
async fn who_is_refused_again_and_again_is_told_of_once() {
    let app = strict().await;
    let (email, ip) = (new_account(app).await, new_ip());
    for _ in 0..9 {
        login_from(app, &ip, &email, "Wrong-Horse").await;
    }
    let failed = "auth.login_failed ".repeat(5);
    assert_eq!(actions(app, &email).await, format!("auth.registered {failed}auth.rate_limited"));
}

#[tokio::test]
async fn no_secret_is_in_the_log() {
    let app = strict().await;
    let (email, ip) = (new_account(app).await, new_ip());
    let login = login_from(app, &ip, &email, Caller::PASSWORD).await.json();
    login_from(app, &ip, "typed-Into-The-Wrong-Field", "Wrong-Horse").await;
    let refresh = json!({"refresh_token": login["refresh_token"]});
    assert_eq!(post_from(app, &ip, "/api/auth/refresh", &refresh).await.status, 200);
    post_from(app, &ip, "/api/auth/password/forgot", &json!({"email": email})).await;
    let log = "select coalesce(string_agg(to_jsonb(a)::text, ' '), '') from audit_log a where ip = $1";
    let log = app.database().text(log, &ip).await.unwrap();
    assert!(log.contains("auth.password_forgot"), "{log}");
    for secret in ["Horse", "$argon2", "eyJ", "fdr_", "fdp_", "Wrong-Field"] {
        assert!(!log.contains(secret), "{secret} is in {log}");
    }
}
