//! What an administrator issued: reset tokens and one-time passwords.

use e2e::{App, Caller};
use insta::assert_snapshot;
use serde_json::{Value, json};

use super::{ENDS, USERS, change_password, end, issue_reset, login, path, reset, with_token_of};

const OWN: &str = "Own-Better-Horse";

/// An account that an administrator makes, and its password.
async fn new_account(admin: &Caller, password: Option<&str>) -> (String, String) {
    let email = App::new_email();
    let mut body = json!({"email": email, "role": "admin"});
    if let Some(password) = password {
        body["password"] = json!(password);
    }
    let made = admin.post(USERS, &body).await.unwrap();
    assert_eq!(made.status, 201, "{made}");
    let generated = made.json()["one_time_password"].as_str().map(str::to_owned);
    (email, generated.or(password.map(str::to_owned)).unwrap())
}

#[tokio::test]
async fn a_reset_token_ends_when_its_issuer_is_no_administrator_any_more() {
    let app = App::start().await.unwrap();
    let head = app.admin().await.unwrap();
    for (name, change) in ENDS {
        let (issuer, other) = (app.admin().await.unwrap(), app.admin().await.unwrap());
        let token = issue_reset(&issuer, &path(&other).await).await;
        let issuers = path(&issuer).await;
        end(&head, &issuers, change).await;
        assert_eq!(reset(&app, &token, OWN).await.code(), "reset_token_invalid", "{name}");
        // It does not come back with the role.
        if change.is_some() {
            end(&head, &issuers, Some(r#"{"is_active": true, "role": "admin"}"#)).await;
            assert_eq!(reset(&app, &token, OWN).await.code(), "reset_token_invalid", "{name}");
        }
        assert_eq!(login(&app, &other.email, Caller::PASSWORD).await.status, 200, "{name}");
    }
    app.stop().await.unwrap();
}

#[tokio::test]
async fn a_password_that_an_administrator_set_ends_with_them() {
    let app = App::start().await.unwrap();
    let head = app.admin().await.unwrap();
    for (name, change) in ENDS {
        for password in [None, Some("Given-Horse")] {
            let issuer = app.admin().await.unwrap();
            let (unused, unused_password) = new_account(&issuer, password).await;
            let (used, used_password) = new_account(&issuer, password).await;
            let session = with_token_of(&app, &login(&app, &used, &used_password).await);
            end(&head, &path(&issuer).await, change).await;
            let context = format!("{name}, {password:?}");
            assert_eq!(login(&app, &unused, &unused_password).await.code(), "invalid_credentials", "{context}");
            assert_eq!(change_password(&session, &used_password, OWN).await.code(), "wrong_password", "{context}");
            assert_eq!(login(&app, &used, &used_password).await.code(), "invalid_credentials", "{context}");
            // Another administrator can help.
            let token = issue_reset(&head, &path(&session).await).await;
            assert_eq!(reset(&app, &token, OWN).await.status, 204, "{context}");
            assert_eq!(login(&app, &used, OWN).await.status, 200, "{context}");
        }
    }
    app.stop().await.unwrap();
}

#[tokio::test]
async fn a_one_time_password_signs_in_once_and_can_be_replaced_in_the_session_that_it_opened() {
    let app = App::start().await.unwrap();
    let admin = app.admin().await.unwrap();
    let (email, password) = new_account(&admin, None).await;
    let first = with_token_of(&app, &login(&app, &email, &password).await);
    let again = login(&app, &email, &password).await;
    assert_eq!((again.status.as_u16(), again.code().as_str()), (401, "invalid_credentials"));
    assert_eq!(change_password(&first, &password, OWN).await.status, 204);
    assert_eq!(login(&app, &email, OWN).await.status, 200);
    assert_eq!(login(&app, &email, OWN).await.status, 200);
    app.stop().await.unwrap();
}

#[tokio::test]
async fn of_many_who_sign_in_at_once_with_a_one_time_password_one_succeeds() {
    let app = App::start().await.unwrap();
    let admin = app.admin().await.unwrap();
    for _ in 0..5 {
        let (email, password) = new_account(&admin, None).await;
        let tries = (0..4).map(|_| login(&app, &email, &password));
        let answers = futures::future::join_all(tries).await;
        let mut statuses: Vec<_> = answers.iter().map(|answer| answer.status.as_u16()).collect();
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 401, 401, 401]);
        let succeeded = "select count::text from rate_limits where key = rate_limit_key('login.success', $1)";
        assert_eq!(app.database().text(succeeded, &email).await.unwrap(), "1");
    }
    app.stop().await.unwrap();
}

#[tokio::test]
async fn a_password_that_an_administrator_set_expires_after_seven_days() {
    let app = App::start().await.unwrap();
    let admin = app.admin().await.unwrap();
    let (email, password) = new_account(&admin, None).await;
    let days = "select round(extract(epoch from o.expires_at - now()) / 86400)::text
                from one_time_passwords o join users u on u.id = o.user_id where u.email = $1";
    assert_eq!(app.database().text(days, &email).await.unwrap(), "7");
    let session = with_token_of(&app, &login(&app, &email, &password).await);
    let (later, later_password) = new_account(&admin, None).await;
    app.database().raw("update one_time_passwords set expires_at = now()").await.unwrap();
    assert_eq!(change_password(&session, &password, OWN).await.code(), "wrong_password");
    assert_eq!(login(&app, &later, &later_password).await.code(), "invalid_credentials");
    app.stop().await.unwrap();
}

#[tokio::test]
async fn the_audit_row_of_a_use_names_the_issuer() {
    let app = App::start().await.unwrap();
    let admin = app.admin().await.unwrap();
    let issuer = json!([null, admin.id().await.unwrap()]);
    let user = app.user().await.unwrap();
    let token = issue_reset(&admin, &path(&user).await).await;
    let id = user.id().await.unwrap();
    assert_eq!(reset(&app, &token, OWN).await.status, 204);
    let rows = async |action: &str, target: &str| {
        let path = format!("/api/admin/audit?action={action}&target_id={target}");
        admin.get(&path).await.unwrap().json()
    };
    assert_eq!(rows("auth.password_reset", &id).await[0]["changes"], json!({"issued_by": issuer}));
    let (email, password) = new_account(&admin, None).await;
    let session = with_token_of(&app, &login(&app, &email, &password).await);
    let signed_in = rows("auth.login", &session.id().await.unwrap()).await;
    assert_eq!(signed_in[0]["changes"]["issued_by"], issuer);
    // Of what its owner asked for there is no issuer.
    let own = rows("auth.login", &id).await;
    assert_eq!(own[0]["changes"]["issued_by"], Value::Null);
    app.stop().await.unwrap();
}

#[tokio::test]
async fn whoever_has_to_change_the_password_is_told_so_until_it_is_done() {
    let app = App::start().await.unwrap();
    let admin = app.admin().await.unwrap();
    let (email, password) = new_account(&admin, None).await;
    let session = with_token_of(&app, &login(&app, &email, &password).await);
    assert_snapshot!(session.get("/api/profile").await.unwrap(), @r#"
    403 {
      "code": "password_change_required",
      "detail": "Please choose a password of your own first",
      "request_id": "[uuid]"
    }
    "#);
    app.stop().await.unwrap();
}

#[tokio::test]
async fn what_somebody_issued_with_a_stolen_account_ends_when_it_is_taken_back() {
    let app = App::start().await.unwrap();
    let head = app.admin().await.unwrap();
    for way in ["a reset", "create-admin", "an administrator ends the sessions"] {
        let (stolen, other) = (app.admin().await.unwrap(), app.admin().await.unwrap());
        let token = issue_reset(&stolen, &path(&other).await).await;
        let (made, made_password) = new_account(&stolen, None).await;
        let stolens = path(&stolen).await;
        match way {
            "a reset" => {
                let recovery = issue_reset(&head, &stolens).await;
                assert_eq!(reset(&app, &recovery, OWN).await.status, 204);
            }
            "create-admin" => drop(super::create_admin::create_admin(&app, &stolen.email)),
            _ => assert_eq!(head.delete(&format!("{stolens}/sessions")).await.unwrap().status, 204),
        }
        assert_eq!(stolen.get("/api/users/me").await.unwrap().code(), "session_ended", "{way}");
        assert_eq!(reset(&app, &token, OWN).await.code(), "reset_token_invalid", "{way}");
        assert_eq!(login(&app, &made, &made_password).await.code(), "invalid_credentials", "{way}");
    }
    app.stop().await.unwrap();
}

#[tokio::test]
async fn the_reset_tokens_of_an_administrator_end_with_their_password_and_when_they_sign_out_everywhere() {
    let app = App::start().await.unwrap();
    for way in ["a change", "signing out"] {
        let (issuer, other) = (app.admin().await.unwrap(), app.admin().await.unwrap());
        let token = issue_reset(&issuer, &path(&other).await).await;
        let (made, made_password) = new_account(&issuer, None).await;
        match way {
            "a change" => assert_eq!(change_password(&issuer, Caller::PASSWORD, OWN).await.status, 204),
            _ => assert_eq!(issuer.post("/api/auth/logout?all=true", &json!({})).await.unwrap().status, 204),
        }
        assert_eq!(reset(&app, &token, OWN).await.code(), "reset_token_invalid", "{way}");
        // Whom they have invited may still come.
        assert_eq!(login(&app, &made, &made_password).await.status, 200, "{way}");
    }
    app.stop().await.unwrap();
}
