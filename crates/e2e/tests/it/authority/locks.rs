//! Statements that wait for each other: whoever comes second is judged by what the first has left.

use e2e::{App, Caller};
use serde_json::json;

use super::{change_password, issue_reset, path};
use crate::admin::until_waiting;

#[tokio::test]
async fn of_two_administrators_who_demote_each_other_one_stays() {
    let app = App::start().await.unwrap();
    let (ada, grace) = (app.admin().await.unwrap(), app.admin().await.unwrap());
    let (adas, graces) = (path(&ada).await, path(&grace).await);
    let demote = json!({"role": "user"});
    for round in 0..1000 {
        let (first, second) = tokio::join!(ada.patch(&graces, &demote), grace.patch(&adas, &demote));
        let (first, second) = (first.unwrap(), second.unwrap());
        let mut outcomes = [(first.status.as_u16(), first.code()), (second.status.as_u16(), second.code())];
        outcomes.sort_unstable();
        let expected = [(200, String::new()), (403, "admin_required".to_owned())];
        assert_eq!(outcomes, expected, "round {round}: {first} {second}");
        let admins = "select count(*)::text from users where role = 'admin' and is_active and email <> $1";
        assert_eq!(app.database().text(admins, "").await.unwrap(), "1");
        app.database().raw("update users set role = 'admin'").await.unwrap();
    }
    app.stop().await.unwrap();
}

#[tokio::test]
async fn a_lock_out_that_commits_while_a_change_waits_for_another_account_stops_the_change() {
    let app = App::start().await.unwrap();
    let (one, other) = (app.admin().await.unwrap(), app.admin().await.unwrap());
    let is_in_order = one.id().await.unwrap() < other.id().await.unwrap();
    // Accounts are locked in the order of their ids: the target is waited for before the caller's own is locked.
    let (target, admin) = if is_in_order { (one, other) } else { (other, one) };
    for (request_path, method) in
        [(path(&target).await, "PATCH"), (format!("{}/sessions", path(&target).await), "DELETE")]
    {
        let lock = app.database().hold("select from users order by id limit 1 for update").await.unwrap();
        let body = json!({"is_active": false});
        let change = async {
            match method {
                "PATCH" => admin.patch(&request_path, &body).await.unwrap(),
                _ => admin.delete(&request_path).await.unwrap(),
            }
        };
        let lock_out = async {
            until_waiting(&app, 1).await;
            app.database().execute("update users set is_active = false where email = $1", &admin.email).await.unwrap();
            lock.release().await.unwrap();
        };
        let (answer, ()) = tokio::join!(change, lock_out);
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (401, "session_ended"), "{method}: {answer}");
        assert_eq!(target.get("/api/users/me").await.unwrap().status, 200, "{method}");
        app.database().execute("update users set is_active = true where email = $1", &admin.email).await.unwrap();
    }
    app.stop().await.unwrap();
}

#[tokio::test]
async fn administrators_who_change_one_account_and_its_groups_at_once_do_not_fail() {
    let app = App::start().await.unwrap();
    let (ada, grace) = (app.admin().await.unwrap(), app.admin().await.unwrap());
    let group = ada.post("/api/admin/groups", &json!({"name": "Sales"})).await.unwrap().json();
    let group = group["id"].as_str().unwrap();
    for round in 0..100 {
        let user = app.user().await.unwrap();
        let id = user.id().await.unwrap();
        let member = format!("/api/admin/groups/{group}/members/{id}");
        let granted = format!("/api/admin/apps/documents/users/{id}");
        let account = path(&user).await;
        let nothing = json!({});
        let (added, deleted, granted) =
            tokio::join!(ada.post(&member, &nothing), grace.delete(&account), ada.put(&granted, &nothing));
        let (added, deleted, granted) = (added.unwrap(), deleted.unwrap(), granted.unwrap());
        assert_eq!(deleted.status, 204, "round {round}: {deleted}");
        assert!([201, 404].contains(&added.status.as_u16()), "round {round}: {added}");
        assert!([204, 404].contains(&granted.status.as_u16()), "round {round}: {granted}");
    }
    app.stop().await.unwrap();
}

#[tokio::test]
async fn nobody_waits_in_a_circle_for_the_tokens_that_two_administrators_have_for_each_other() {
    let app = App::start().await.unwrap();
    let head = app.admin().await.unwrap();
    for round in 0..6 {
        let (ada, grace) = (app.admin().await.unwrap(), app.admin().await.unwrap());
        let adas = path(&ada).await;
        issue_reset(&ada, &path(&grace).await).await;
        issue_reset(&grace, &adas).await;
        let lock =
            app.database().hold("select from password_resets order by expires_at limit 1 for update").await.unwrap();
        let release = async {
            until_waiting(&app, 2).await;
            lock.release().await.unwrap();
        };
        let body = json!({"is_active": false});
        let change = change_password(&grace, Caller::PASSWORD, "Own-Better-Horse");
        let (locked, changed, ()) = tokio::join!(head.patch(&adas, &body), change, release);
        assert_eq!((locked.unwrap().status.as_u16(), changed.status.as_u16()), (200, 204), "round {round}");
        let left = app.database().text("select count(*)::text from password_resets where $1 = ''", "").await.unwrap();
        assert_eq!(left, "0", "round {round}");
    }
    app.stop().await.unwrap();
}
