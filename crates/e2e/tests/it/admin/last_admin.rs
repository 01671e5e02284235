//! There is always an active administrator, whoever goes, and however many do so at once.

use e2e::{Answer, App, Caller, Host};
use futures::future::join_all;
use insta::assert_snapshot;
use serde_json::{Value, json};

use super::{path, until_waiting};

async fn active_admins(app: &App) -> i64 {
    let count = "select 'active', count(*) from users where role = 'admin' and is_active";
    app.database().counts(count).await.unwrap()[0].1
}

#[tokio::test]
async fn the_last_active_administrator_stays() {
    let app = App::start().await.unwrap();
    let admin = app.admin().await.unwrap();
    let own = path(&admin.id().await.unwrap());
    let other = app.user().await.unwrap();
    let others = path(&other.id().await.unwrap());
    let leaves = [json!({"role": "user"}), json!({"is_active": false}), json!({"role": "user", "is_active": false})];
    let stays = async || {
        for body in &leaves {
            let answer = admin.patch(&own, body).await.unwrap();
            assert_eq!((answer.status.as_u16(), answer.code().as_str()), (409, "last_admin"), "{body}: {answer}");
        }
        let me = admin.get("/api/users/me").await.unwrap();
        assert_eq!((me.status.as_u16(), &me.json()["role"]), (200, &json!("admin")), "{me}");
    };
    let set = async |body: Value| {
        let answer = admin.patch(&others, &body).await.unwrap();
        assert_eq!(answer.status, 200, "{body}: {answer}");
    };

    assert_snapshot!(admin.patch(&own, &json!({"role": "user"})).await.unwrap(), @r#"
    409 {
      "code": "last_admin",
      "detail": "There must be an active administrator left",
      "request_id": "[uuid]"
    }
    "#);
    stays().await;
    for body in [json!({}), json!({"role": "admin"}), json!({"is_active": true, "role": "admin"})] {
        assert_eq!(admin.patch(&own, &body).await.unwrap().status, 200, "{body}");
    }

    // An administrator who is not active is none, and may go.
    set(json!({"role": "admin", "is_active": false})).await;
    stays().await;
    set(json!({"role": "user"})).await;
    set(json!({"role": "admin"})).await;
    stays().await;
    set(json!({"is_active": true})).await;
    set(json!({"role": "user"})).await;
    stays().await;
    set(json!({"role": "admin"})).await;
    assert_eq!(admin.patch(&own, &leaves[2]).await.unwrap().status, 200);

    // Now it is the other one who stays.
    let other = app.sign_in(&other.email).await.unwrap();
    for body in &leaves {
        assert_eq!(other.patch(&others, body).await.unwrap().code(), "last_admin", "{body}");
    }
    assert_eq!(active_admins(&app).await, 1);
    app.stop().await.unwrap();
}

/// An administrator, and the replica that they ask.
struct Admin {
    caller: Caller,
    id: String,
}

impl Admin {
    async fn new(app: &App, replica: Option<&Host>) -> Self {
        let caller = app.admin().await.unwrap();
        let id = caller.id().await.unwrap();
        Self { caller: replica.map_or(caller.clone(), |replica| caller.at(replica)), id }
    }

    async fn patch(&self, target: &Self, body: &Value) -> Answer {
        self.caller.patch(&path(&target.id), body).await.unwrap()
    }

    /// Signs in again if the session has ended; whether it had.
    async fn revive(&mut self, app: &App) -> bool {
        let is_dead = self.caller.get("/api/users/me").await.unwrap().status == 401;
        if is_dead {
            self.caller = self.caller.with_token(&app.sign_in(&self.caller.email).await.unwrap().token);
        }
        is_dead
    }
}

fn outcome(answer: &Answer) -> (u16, String) {
    (answer.status.as_u16(), answer.code())
}

#[tokio::test]
async fn of_administrators_who_go_at_once_one_stays() {
    let app = App::start().await.unwrap();
    let replica = app.replica().unwrap();
    let mut ada = Admin::new(&app, None).await;
    let mut grace = Admin::new(&app, Some(&replica)).await;
    let (demote, deactivate) = (json!({"role": "user"}), json!({"is_active": false}));
    let last_admin = (409, "last_admin".to_owned());
    let restore = "update users set role = 'admin', is_active = true";

    for round in 0..50 {
        let each_other = round % 2 == 0;
        let (adas, graces) = [(&demote, &demote), (&deactivate, &deactivate), (&demote, &deactivate)][round / 2 % 3];
        let (one, other) = if each_other { (&grace, &ada) } else { (&ada, &grace) };
        let changes = async { tokio::join!(ada.patch(one, adas), grace.patch(other, graces)) };
        // In some rounds neither gets on before both have been let in as administrators.
        let both_are_in = round % 4 >= 2;
        let (first, second) = if both_are_in {
            let lock = app.database().hold("select from users for update").await.unwrap();
            let release = async {
                until_waiting(&app, 2).await;
                lock.release().await.unwrap();
            };
            tokio::join!(changes, release).0
        } else {
            changes.await
        };

        let context = format!("round {round}: {first} {second}");
        assert_eq!(active_admins(&app).await, 1, "{context}");
        let (refused, done) = if first.status == 200 { (&second, adas) } else { (&first, graces) };
        assert!((first.status == 200) != (second.status == 200), "{context}");
        // Who was changed by the other has lost the right to change anybody, though they were let in before.
        let lost = if *done == demote { (403, "admin_required".to_owned()) } else { (401, "session_ended".to_owned()) };
        assert_eq!(outcome(refused), if each_other { lost } else { last_admin.clone() }, "{context}");

        app.database().raw(restore).await.unwrap();
        // What was refused has ended no session.
        let ended = usize::from(ada.revive(&app).await) + usize::from(grace.revive(&app).await);
        assert_eq!(ended, usize::from(*done == deactivate), "{context}");
    }

    let all = [ada, grace, Admin::new(&app, None).await, Admin::new(&app, Some(&replica)).await];
    for round in 0..20 {
        let answers = join_all(all.iter().map(|admin| admin.patch(admin, &demote))).await;
        let mut outcomes: Vec<_> = answers.iter().map(outcome).collect();
        outcomes.sort_unstable();
        let done = (200, String::new());
        assert_eq!(outcomes, [done.clone(), done.clone(), done, last_admin.clone()], "round {round}");
        assert_eq!(active_admins(&app).await, 1);
        app.database().raw(restore).await.unwrap();
    }
    drop(replica);
    app.stop().await.unwrap();
}
