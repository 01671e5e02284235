//! `cargo xtask create-admin` on an account that exists.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use e2e::{App, Caller};
use serde_json::json;

use super::{USERS, change_password, issue_reset, login, path, reset, with_token_of};

const NEW: &str = "Root-Horse";

pub(super) fn create_admin(app: &App, email: &str) -> String {
    let mut child = Command::new(std::env::var_os("FRONTDESK_TEST_XTASK").unwrap())
        .args(["create-admin", email, "--password-stdin"])
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."))
        .env("SPIN_VARIABLE_DATABASE_URL", app.database().url())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(format!("{NEW}\n").as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + String::from_utf8_lossy(&output.stderr).as_ref();
    assert!(output.status.success(), "{text}");
    text
}

#[tokio::test]
async fn everything_else_that_could_stand_for_the_password_is_void() {
    let app = App::start().await.unwrap();
    let admin = app.admin().await.unwrap();
    let user = app.user().await.unwrap();
    let id = user.id().await.unwrap();
    let token = issue_reset(&admin, &path(&user).await).await;
    let said = create_admin(&app, &user.email);
    assert!(said.contains("it is an active administrator now"), "{said}");
    assert_eq!(user.get("/api/users/me").await.unwrap().code(), "session_ended");
    assert_eq!(reset(&app, &token, "Own-Better-Horse").await.code(), "reset_token_invalid");
    assert_eq!(login(&app, &user.email, Caller::PASSWORD).await.status, 401);
    let user = with_token_of(&app, &login(&app, &user.email, NEW).await);
    assert_eq!(user.get(USERS).await.unwrap().status, 200);
    let rows = admin.get(&format!("/api/admin/audit?action=user.updated&target_id={id}")).await.unwrap().json();
    assert_eq!(rows[0]["changes"], json!({"role": ["user", "admin"], "password": ["set", "replaced"]}));
    assert_eq!(rows[0]["request_id"], "create-admin");
    app.stop().await.unwrap();
}

#[tokio::test]
async fn the_new_password_opens_an_account_that_strangers_have_blocked() {
    let app = App::builder().variable("rate_limit_scale", "1").start().await.unwrap();
    let user = app.user().await.unwrap();
    app.database().raw("delete from known_networks").await.unwrap();
    let block = "update rate_limits set count = 1000, last_at = now() + interval '1 hour', expires_at = now() + interval '2 hours'
                 where key = rate_limit_key('login.account', $1)";
    assert_eq!(app.database().execute(block, &user.email).await.unwrap(), 1);
    assert_eq!(login(&app, &user.email, Caller::PASSWORD).await.status, 429);
    // Nor does it matter how often somebody has signed in who knew the password.
    let often = "update rate_limits set count = 1000000, expires_at = now() + interval '1 hour'
                 where key = rate_limit_key('login.success', $1)";
    assert_eq!(app.database().execute(often, &user.email).await.unwrap(), 1);
    create_admin(&app, &user.email);
    assert_eq!(login(&app, &user.email, NEW).await.status, 200);
    app.stop().await.unwrap();
}

#[tokio::test]
async fn nobody_has_to_change_the_password_that_was_chosen() {
    let app = App::start().await.unwrap();
    let admin = app.admin().await.unwrap();
    let email = App::new_email();
    let made = admin.post(USERS, &json!({"email": email})).await.unwrap().json();
    let password = made["one_time_password"].as_str().unwrap();
    let session = with_token_of(&app, &login(&app, &email, password).await);
    create_admin(&app, &email);
    assert_eq!(change_password(&session, password, "Own-Better-Horse").await.code(), "session_ended");
    assert_eq!(login(&app, &email, password).await.status, 401);
    let user = with_token_of(&app, &login(&app, &email, NEW).await);
    assert_eq!(user.get(USERS).await.unwrap().status, 200);
    app.stop().await.unwrap();
}

#[tokio::test]
async fn a_new_administrator_is_audited_too() {
    let app = App::start().await.unwrap();
    let email = App::new_email();
    create_admin(&app, &email);
    let user = with_token_of(&app, &login(&app, &email, NEW).await);
    let path = format!("/api/admin/audit?action=user.created&target_id={}", user.id().await.unwrap());
    let rows = user.get(&path).await.unwrap().json();
    assert_eq!(rows[0]["changes"], json!({"email": [null, email], "role": [null, "admin"]}));
    app.stop().await.unwrap();
}
