//! A body may arrive long after its head: what counts is who the caller is when the change is made.

use std::time::Duration;

use e2e::{Answer, App, Caller};
use futures::channel::oneshot;
use futures::{StreamExt as _, stream};
use reqwest::{Body, Method};
use serde_json::{Value, json};

use super::{end, path};

/// How long a request may take to be let in.
const UNTIL_LET_IN: Duration = Duration::from_secs(10);

/// Sends a request whose caller loses something after they were let in, and before the body is there.
async fn while_on_its_way(
    app: &App,
    caller: &Caller,
    (method, path): (&str, &str),
    body: &Value,
    change: impl Future<Output = ()>,
) -> Answer {
    // Whoever is let in has used the session.
    let unused = "update sessions set last_used_at = now() - interval '1 hour'
                  where user_id = (select id from users where email = $1)";
    assert!(app.database().execute(unused, &caller.email).await.unwrap() > 0);
    let text = serde_json::to_string(body).unwrap();
    let (begin, rest) = text.split_at(1);
    let (begin, rest) = (begin.to_owned(), rest.to_owned());
    let (arrive, arrived) = oneshot::channel::<()>();
    let rest = stream::once(async move {
        arrived.await.unwrap();
        Ok(rest)
    });
    let body = stream::once(async { Ok::<_, std::io::Error>(begin) }).chain(rest);
    let request = caller.request(Method::from_bytes(method.as_bytes()).unwrap(), path);
    let request = request.header("content-type", "application/json").body(Body::wrap_stream(body));
    let sender = caller.clone();
    let answer = tokio::spawn(async move { sender.send(request).await });
    let used = "select count(*)::text from sessions s join users u on u.id = s.user_id
                where u.email = $1 and s.last_used_at > now() - interval '1 minute'";
    let let_in = async { while app.database().text(used, &caller.email).await.unwrap() == "0" {} };
    tokio::time::timeout(UNTIL_LET_IN, let_in).await.expect("the request is let in");
    change.await;
    arrive.send(()).unwrap();
    answer.await.unwrap().unwrap()
}

/// All that could have been changed, but for one account.
async fn state(app: &App, but: &str) -> String {
    let state = "select concat_ws(' ',
                     (select string_agg(u.email || u.role || coalesce(u.full_name, '') || u.is_active || u.password_hash, ',' order by u.id)
                      from users u where u.email <> $1),
                     (select string_agg(g.name, ',' order by g.id) from groups g),
                     (select string_agg(a.key || a.name, ',' order by a.key) from apps a),
                     (select string_agg(p.bio, ',' order by p.user_id) from profiles p),
                     (select provider from ai_settings), (select max_pdf_mb from documents_settings))";
    app.database().text(state, but).await.unwrap()
}

#[tokio::test]
async fn an_administrator_who_is_locked_or_demoted_before_the_body_arrives_changes_nothing() {
    let app = App::start().await.unwrap();
    let head = app.admin().await.unwrap();
    let target = path(&app.user().await.unwrap()).await;
    let group = head.post("/api/admin/groups", &json!({"name": "Sales"})).await.unwrap().json();
    let group = format!("/api/admin/groups/{}", group["id"].as_str().unwrap());
    let new_admin = json!({"email": App::new_email(), "role": "admin", "password": "Given-Horse"});
    let new_app = json!({"key": "crm", "name": "CRM", "default_access": "everyone", "position": 3});
    let requests = [
        ("POST", "/api/admin/users", new_admin),
        ("PATCH", target.as_str(), json!({"role": "admin"})),
        ("POST", "/api/admin/groups", json!({"name": "Marketing"})),
        ("PATCH", group.as_str(), json!({"name": "Research"})),
        ("POST", "/api/admin/apps", new_app),
        ("PATCH", "/api/admin/apps/documents", json!({"name": "Papers"})),
        ("PATCH", "/api/settings/ai", json!({"provider": "anthropic"})),
        ("PATCH", "/api/settings/documents/limits", json!({"max_pdf_mb": 77})),
    ];
    let losses = [(r#"{"is_active": false}"#, 401, "session_ended"), (r#"{"role": "user"}"#, 403, "admin_required")];
    for (method, request_path, body) in &requests {
        for (change, status, code) in losses {
            let admin = app.admin().await.unwrap();
            let account = path(&admin).await;
            let before = state(&app, &admin.email).await;
            let loss = end(&head, &account, Some(change));
            let answer = while_on_its_way(&app, &admin, (method, request_path), body, loss).await;
            let context = format!("{method} {request_path}, {change}: {answer}");
            assert_eq!((answer.status.as_u16(), answer.code().as_str()), (status, code), "{context}");
            assert_eq!(state(&app, &admin.email).await, before, "{context}");
        }
    }
    app.stop().await.unwrap();
}

#[tokio::test]
async fn whoever_is_locked_before_the_body_arrives_does_not_change_what_is_their_own() {
    let app = App::start().await.unwrap();
    let head = app.admin().await.unwrap();
    let change = json!({"current_password": Caller::PASSWORD, "new_password": "Better-Horse"});
    let requests = [
        ("PUT", "/api/profile", json!({"bio": "changed", "full_name": "Changed"})),
        ("PUT", "/api/profile", json!({})),
        ("POST", "/api/auth/password/change", change),
    ];
    for (method, request_path, body) in &requests {
        let user = app.user().await.unwrap();
        let account = path(&user).await;
        let before = state(&app, "").await;
        let lock = async {
            end(&head, &account, Some(r#"{"is_active": false}"#)).await;
        };
        let answer = while_on_its_way(&app, &user, (method, request_path), body, lock).await;
        let context = format!("{method} {request_path}: {answer}");
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (401, "session_ended"), "{context}");
        end(&head, &account, Some(r#"{"is_active": true}"#)).await;
        assert_eq!(state(&app, "").await, before, "{context}");
    }
    app.stop().await.unwrap();
}

#[tokio::test]
async fn a_session_that_ends_before_the_body_arrives_clears_the_cookies_of_its_browser() {
    let app = App::start().await.unwrap();
    let browser = app.admin().await.unwrap().in_a_browser();
    let sign_out = async {
        app.database()
            .execute("delete from sessions where user_id = (select id from users where email = $1)", &browser.email)
            .await
            .unwrap();
    };
    let body = json!({"name": "Marketing"});
    let answer = while_on_its_way(&app, &browser, ("POST", "/api/admin/groups"), &body, sign_out).await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (401, "session_ended"), "{answer}");
    assert!(answer.cookies().contains("__Host-fd_access=;"), "{}", answer.cookies());
    app.stop().await.unwrap();
}
