//! Changed and forgotten passwords.

use e2e::{Answer, App, Caller};
use insta::assert_snapshot;
use reqwest::Method;
use serde_json::json;

use super::{login_from, new_account, new_ip, post_from, strict};
use crate::app;

const NEW: &str = "Better-Horse";

async fn change(who: &Caller, current: &str, new: &str) -> Answer {
    let body = json!({"current_password": current, "new_password": new});
    who.post("/api/auth/password/change", &body).await.unwrap()
}

/// The token in the newest mail to an address.
async fn mailed_token(app: &App, email: &str) -> String {
    let newest = "select body from outbox where recipient = $1 order by created_at desc limit 1";
    let body = app.database().text(newest, email).await.unwrap();
    body.split(|letter: char| !letter.is_ascii_alphanumeric() && !"_-".contains(letter))
        .find(|word| word.starts_with("fdp_"))
        .expect(&body)
        .to_owned()
}

async fn forget(app: &App, email: &str) -> Answer {
    app.anonymous().post("/api/auth/password/forgot", &json!({"email": email})).await.unwrap()
}

async fn reset(app: &App, token: &str, new: &str) -> Answer {
    app.anonymous().post("/api/auth/password/reset", &json!({"token": token, "new_password": new})).await.unwrap()
}

async fn status_of_login(app: &App, email: &str, password: &str) -> u16 {
    let body = json!({"username": email, "password": password});
    app.anonymous().post("/api/auth/login", &body).await.unwrap().status.as_u16()
}

#[tokio::test]
async fn a_changed_password_is_the_only_one_and_the_other_sessions_end() {
    let app = app().await;
    let user = app.user().await.unwrap();
    let elsewhere = app.sign_in(&user.email).await.unwrap();
    let changed = change(&user, Caller::PASSWORD, NEW).await;
    assert_eq!((changed.status.as_u16(), changed.body.as_str()), (204, ""));
    assert_eq!(user.get("/api/users/me").await.unwrap().status, 200);
    assert_eq!(elsewhere.get("/api/users/me").await.unwrap().code(), "session_ended");
    assert_eq!(status_of_login(app, &user.email, Caller::PASSWORD).await, 401);
    assert_eq!(status_of_login(app, &user.email, NEW).await, 200);
}

#[tokio::test]
async fn a_change_needs_the_present_password_and_a_new_one_that_keeps_the_rules() {
    let user = app().await.user().await.unwrap();
    assert_snapshot!(change(&user, "Wrong-Horse", NEW).await, @r#"
    422 {
      "code": "wrong_password",
      "detail": [
        {
          "loc": [
            "body",
            "current_password"
          ],
          "msg": "The password is wrong",
          "type": "wrong_password"
        }
      ],
      "request_id": "[uuid]"
    }
    "#);
    let refused = change(&user, Caller::PASSWORD, "test").await;
    assert_eq!(refused.code(), "validation_error");
    assert!(refused.refused().iter().all(|field| field == "body.new_password") && refused.refused().len() == 4);
    assert_eq!(status_of_login(app().await, &user.email, Caller::PASSWORD).await, 200);
}

#[tokio::test]
async fn guessing_the_present_password_is_limited_like_signing_in() {
    let app = strict().await;
    let (email, ip) = (new_account(app).await, new_ip());
    let token =
        login_from(app, &ip, &email, Caller::PASSWORD).await.json()["access_token"].as_str().unwrap().to_owned();
    let user = app.anonymous().with_token(&token);
    for status in [422, 422, 422, 422, 422, 429] {
        assert_eq!(change(&user, "Wrong-Horse", NEW).await.status, status);
    }
    assert_eq!(change(&user, Caller::PASSWORD, NEW).await.code(), "rate_limited");
}

#[tokio::test]
async fn guessing_the_present_password_from_many_addresses_is_limited_by_the_account() {
    let app = strict().await;
    let email = new_account(app).await;
    let token = login_from(app, &new_ip(), &email, Caller::PASSWORD).await.json()["access_token"].clone();
    let user = app.anonymous().with_token(token.as_str().unwrap());
    let body = json!({"current_password": "Wrong-Horse", "new_password": NEW});
    let mut statuses = Vec::new();
    for _ in 0..21 {
        let request = user.request(Method::POST, "/api/auth/password/change").header("x-forwarded-for", new_ip());
        statuses.push(user.send(request.json(&body)).await.unwrap().status.as_u16());
    }
    assert_eq!(statuses, [vec![422; 20], vec![429]].concat());
}

#[tokio::test]
async fn of_two_changes_at_once_one_happens() {
    let app = app().await;
    for _ in 0..5 {
        let user = app.user().await.unwrap();
        let (first, second) = ("First-Horse", "Second-Horse");
        let (one, other) =
            tokio::join!(change(&user, Caller::PASSWORD, first), change(&user, Caller::PASSWORD, second));
        let mut statuses = [one.status.as_u16(), other.status.as_u16()];
        let taken = if one.status == 204 { first } else { second };
        statuses.sort_unstable();
        assert_eq!(statuses, [204, 422]);
        assert_eq!(status_of_login(app, &user.email, taken).await, 200);
    }
}

#[tokio::test]
async fn a_forgotten_password_is_replaced_once_and_all_sessions_end() {
    let app = app().await;
    let user = app.user().await.unwrap();
    let asked = forget(app, &user.email.to_uppercase()).await;
    assert_eq!((asked.status.as_u16(), asked.body.as_str()), (202, ""));
    let token = mailed_token(app, &user.email).await;
    // Only its hash is stored.
    let stored = "select count(*)::text from password_resets where token_hash = sha256(convert_to($1, 'utf8'))";
    assert_eq!(app.database().text(stored, &token).await.unwrap(), "1");
    let weak = reset(app, &token, "test").await;
    assert_eq!((weak.status.as_u16(), weak.code().as_str()), (422, "validation_error"));
    assert_eq!(reset(app, &token, NEW).await.status, 204);
    assert_eq!(user.get("/api/users/me").await.unwrap().code(), "session_ended");
    assert_eq!(status_of_login(app, &user.email, Caller::PASSWORD).await, 401);
    assert_eq!(status_of_login(app, &user.email, NEW).await, 200);
    assert_snapshot!(reset(app, &token, "Third-Horse").await, @r#"
    400 {
      "code": "reset_token_invalid",
      "detail": "This is not good for a new password, or not any more: ask for another mail",
      "request_id": "[uuid]"
    }
    "#);
}

#[tokio::test]
async fn of_many_resets_with_one_token_one_happens() {
    let app = app().await;
    let user = app.user().await.unwrap();
    forget(app, &user.email).await;
    let token = mailed_token(app, &user.email).await;
    let resets = ["A-Horse-of", "B-Horse-of", "C-Horse-of", "D-Horse-of"].map(|new| reset(app, &token, new));
    let statuses = futures::future::join_all(resets).await.into_iter().map(|answer| answer.status.as_u16());
    let mut statuses: Vec<_> = statuses.collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [204, 400, 400, 400]);
}

#[tokio::test]
async fn a_token_that_is_old_unknown_or_somebody_elses_is_good_for_nothing() {
    let app = app().await;
    let user = app.user().await.unwrap();
    forget(app, &user.email).await;
    let first = mailed_token(app, &user.email).await;
    forget(app, &user.email).await;
    let second = mailed_token(app, &user.email).await;
    let expire = "update password_resets set expires_at = now() where token_hash = sha256(convert_to($1, 'utf8'))";
    assert_eq!(app.database().execute(expire, &first).await.unwrap(), 1);
    for token in ["", "fdp_", &first, &first[..first.len() - 1], user.token.as_str()] {
        assert_eq!(reset(app, token, NEW).await.code(), "reset_token_invalid", "{token:?}");
    }
    // A change of the password by other ways ends what was mailed.
    assert_eq!(change(&user, Caller::PASSWORD, NEW).await.status, 204);
    assert_eq!(reset(app, &second, "Third-Horse").await.status, 400);
}

#[tokio::test]
async fn who_has_no_account_gets_the_same_answer_and_no_mail() {
    let app = app().await;
    let inactive = app.user().await.unwrap().email;
    app.database().execute("update users set is_active = false where email = $1", &inactive).await.unwrap();
    for email in [App::new_email(), inactive] {
        let answer = forget(app, &email).await;
        assert_eq!((answer.status.as_u16(), answer.body.as_str()), (202, ""));
        let mails =
            app.database().text("select count(*)::text from outbox where recipient = $1", &email).await.unwrap();
        assert_eq!(mails, "0");
    }
    assert_eq!(forget(app, "nonsense").await.status, 422);
}

#[tokio::test]
async fn mails_are_limited_by_address_and_a_reset_forgives_what_was_tried_on_the_account() {
    let app = strict().await;
    let email = new_account(app).await;
    for status in [202, 202, 202, 429] {
        let answer = post_from(app, &new_ip(), "/api/auth/password/forgot", &json!({"email": email})).await;
        assert_eq!(answer.status, status);
    }
    let tried = "insert into rate_limits (key, count, expires_at)
                 values (rate_limit_key('login.account', $1), 20, now() + interval '1 hour')
                 on conflict (key) do update set count = 20, last_at = now()";
    app.database().execute(tried, &email).await.unwrap();
    assert_eq!(login_from(app, &new_ip(), &email, Caller::PASSWORD).await.status, 429);
    let token = mailed_token(app, &email).await;
    let body = json!({"token": token, "new_password": NEW});
    assert_eq!(post_from(app, &new_ip(), "/api/auth/password/reset", &body).await.status, 204);
    assert_eq!(login_from(app, &new_ip(), &email, NEW).await.status, 200);
    let mails = app.database().text("select count(*)::text from outbox where recipient = $1", &email).await.unwrap();
    assert_eq!(mails, "0", "the other mails are of no use any more");
}

#[tokio::test]
async fn who_forgot_the_password_can_sign_in_with_the_new_one_from_where_the_old_one_was_guessed() {
    let app = strict().await;
    let (email, ip) = (new_account(app).await, new_ip());
    for status in [401, 401, 401, 401, 401, 429] {
        assert_eq!(login_from(app, &ip, &email, "Wrong-Horse").await.status, status);
    }
    assert_eq!(post_from(app, &ip, "/api/auth/password/forgot", &json!({"email": email})).await.status, 202);
    let body = json!({"token": mailed_token(app, &email).await, "new_password": NEW});
    assert_eq!(post_from(app, &ip, "/api/auth/password/reset", &body).await.status, 204);
    assert_eq!(login_from(app, &ip, &email, NEW).await.status, 200);
}

#[tokio::test]
async fn of_resets_with_different_mails_at_once_one_happens_and_none_fails() {
    let app = app().await;
    for _ in 0..5 {
        let user = app.user().await.unwrap();
        let mut tokens = Vec::new();
        for _ in 0..3 {
            forget(app, &user.email).await;
            tokens.push(mailed_token(app, &user.email).await);
        }
        let answers = futures::future::join_all(tokens.iter().map(|token| reset(app, token, NEW))).await;
        let mut statuses: Vec<_> = answers.iter().map(|answer| answer.status.as_u16()).collect();
        statuses.sort_unstable();
        assert_eq!(statuses, [204, 400, 400]);
    }
}

#[tokio::test]
async fn a_mail_leads_to_the_page_that_was_configured() {
    let page = "https://desk.example.com/reset";
    let app = App::builder().variable("password_reset_url", page).start().await.unwrap();
    let user = app.user().await.unwrap();
    forget(&app, &user.email).await;
    let token = mailed_token(&app, &user.email).await;
    let body = app.database().text("select body from outbox where recipient = $1", &user.email).await.unwrap();
    assert!(body.contains(&format!("open {page}#token={token}\n")), "{body}");
    app.stop().await.unwrap();
}

#[tokio::test]
async fn a_hash_of_an_older_system_is_replaced_when_its_password_is_changed() {
    let app = app().await;
    let user = app.user().await.unwrap();
    // bcrypt of Correct-Horse, made by Python's bcrypt.
    let bcrypt =
        include_str!("../../../../rules/tests/python_hashes.txt").lines().find(|hash| hash.starts_with("$2b$"));
    let connection = &mut app.database().connect().await.unwrap();
    let imported = sqlx::query("update users set password_hash = $1 where email = $2").bind(bcrypt.unwrap());
    imported.bind(&user.email).execute(connection).await.unwrap();
    assert_eq!(change(&user, Caller::PASSWORD, NEW).await.status, 204);
    let hash = app.database().text("select password_hash from users where email = $1", &user.email).await.unwrap();
    assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
}

/// Gives an account the hash that another system made.
async fn import(app: &App, email: &str, hash: &str) {
    let connection = &mut app.database().connect().await.unwrap();
    let imported = sqlx::query("update users set password_hash = $1 where email = $2").bind(hash).bind(email);
    assert_eq!(imported.execute(connection).await.unwrap().rows_affected(), 1);
}

async fn hash_of(app: &App, email: &str) -> String {
    app.database().text("select password_hash from users where email = $1", email).await.unwrap()
}

#[tokio::test]
async fn a_bcrypt_hash_of_a_password_that_bcrypt_did_not_read_whole_stays() {
    let app = app().await;
    let user = app.user().await.unwrap();
    let long = format!("Correct-Horse-{}", "x".repeat(66));
    let other_ending = format!("Correct-Horse-{}", "x".repeat(65) + "y");
    assert_eq!(long.len(), 80);
    let bcrypt = "$2b$04$KBCwKxOzLha2MUDgW0PjXeByqN7sGGAJo9Wmuh9iMeVeEjNCmw9wa";
    import(app, &user.email, bcrypt).await;
    // bcrypt reads 72 bytes: it cannot tell the two. What it let in must not become the password.
    for (password, status) in [(&long, 200), (&other_ending, 200), (&long, 200), (&long[..71].to_owned(), 401)] {
        assert_eq!(status_of_login(app, &user.email, password).await, status, "{password}");
        assert_eq!(hash_of(app, &user.email).await, bcrypt, "{password}");
    }
    // A new password is hashed whole.
    assert_eq!(change(&user, &long, &other_ending).await.status, 204);
    assert_eq!(status_of_login(app, &user.email, &long).await, 401);
    assert_eq!(status_of_login(app, &user.email, &other_ending).await, 200);
}

/// The same password with each accent as part of its letter, and behind it.
const COMPOSED: &str = "\u{dc}bergr\u{f6}\u{df}e-1";
const DECOMPOSED: &str = "U\u{308}bergro\u{308}\u{df}e-1";

#[tokio::test]
async fn a_password_is_the_same_in_either_unicode_form() {
    let app = app().await;
    for (chosen, typed) in [(COMPOSED, DECOMPOSED), (DECOMPOSED, COMPOSED)] {
        let user = app.user().await.unwrap();
        assert_eq!(change(&user, Caller::PASSWORD, chosen).await.status, 204);
        let hash = hash_of(app, &user.email).await;
        for password in [typed, chosen] {
            assert_eq!(status_of_login(app, &user.email, password).await, 200, "{password:?}");
        }
        assert_eq!(status_of_login(app, &user.email, "Ubergro\u{df}e-1").await, 401);
        assert_eq!(hash_of(app, &user.email).await, hash, "a hash of the composed form is current");
        assert_eq!(change(&user, typed, NEW).await.status, 204);
    }
}

#[tokio::test]
async fn a_hash_of_the_decomposed_form_opens_and_is_replaced() {
    let app = app().await;
    for hash in [
        "$argon2id$v=19$m=19456,t=2,p=1$KpMgvJxuKCjnVnV10nCHgQ$eeO6DUZz9AQW7jx6F2MDZAorh1SVn/bXS0d4TKoSGzg",
        "$2b$04$KBCwKxOzLha2MUDgW0PjXeLIrRYVPqxTYGAewQMGqtHElRqnUTlLW",
    ] {
        for typed in [COMPOSED, DECOMPOSED] {
            let user = app.user().await.unwrap();
            import(app, &user.email, hash).await;
            assert_eq!(status_of_login(app, &user.email, "Ubergro\u{df}e-1").await, 401);
            assert_eq!(status_of_login(app, &user.email, typed).await, 200, "{hash} {typed:?}");
            let replaced = hash_of(app, &user.email).await;
            assert!(replaced != hash && replaced.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{replaced}");
            assert_eq!(status_of_login(app, &user.email, COMPOSED).await, 200);
            assert_eq!(hash_of(app, &user.email).await, replaced);
        }
    }
}

#[tokio::test]
async fn who_must_choose_another_password_cannot_choose_the_same_in_another_form() {
    let app = app().await;
    let user = app.user().await.unwrap();
    assert_eq!(change(&user, Caller::PASSWORD, COMPOSED).await.status, 204);
    let must = "update users set must_change_password = true where email = $1";
    assert_eq!(app.database().execute(must, &user.email).await.unwrap(), 1);
    for new in [COMPOSED, DECOMPOSED] {
        let answer = change(&user, COMPOSED, new).await;
        assert_eq!(answer.refused(), ["body.new_password"], "{new:?}: {answer}");
        assert_eq!(answer.json()["detail"][0]["type"], json!("password_unchanged"));
    }
    assert_eq!(change(&user, DECOMPOSED, NEW).await.status, 204);
}
