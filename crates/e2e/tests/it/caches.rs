//! What an instance keeps from one request to the next: its variables and the keys that were parsed from them, its router, the
//! tokens that it found genuine, and its connection, on which Postgres keeps plans. Variables cannot change while a host runs;
//! nothing of the rest may outlive what it was made from.

use e2e::{App, Caller, Keys, Upstream};
use serde_json::json;

use crate::tokens::decode;

/// More often than Postgres plans a statement of a function before it keeps a plan.
const OFTEN: usize = 12;

/// What `path` is answered, often; always the same.
async fn often(caller: &Caller, path: &str) -> (u16, String) {
    let mut outcomes = Vec::new();
    for _ in 0..OFTEN {
        let answer = caller.get(path).await.unwrap();
        let code = if answer.status == 200 { String::new() } else { answer.code() };
        outcomes.push((answer.status.as_u16(), code));
    }
    outcomes.dedup();
    assert_eq!(outcomes.len(), 1, "{path}: {outcomes:?}");
    outcomes.remove(0)
}

#[tokio::test]
async fn what_an_instance_remembers_of_somebody_ends_with_what_it_was_made_from() {
    let upstream = Upstream::start().unwrap();
    let app = App::builder().variable("documents_upstream", upstream.origin()).start().await.unwrap();
    let admin = app.admin().await.unwrap();
    // The proxy reads more in the same statement.
    let paths = ["/api/users/me", "/api/profile", "/api/apps", "/api/services", "/api/documents"];
    let ended = || (401, "session_ended".to_owned());
    for (event, refused) in [
        ("update sessions set expires_at = now() where user_id = $1::uuid", ended()),
        ("update sessions set idle_expires_at = now() where user_id = $1::uuid", ended()),
        ("delete from sessions where user_id = $1::uuid", ended()),
        ("update users set is_active = false where id = $1::uuid", ended()),
        ("update users set sessions_ended_at = clock_timestamp() where id = $1::uuid", ended()),
        ("delete from users where id = $1::uuid", ended()),
        (
            "update users set must_change_password = true where id = $1::uuid",
            (403, "password_change_required".to_owned()),
        ),
    ] {
        let user = app.user().await.unwrap();
        let (id, used) = (user.id().await.unwrap(), app.sign_in(&user.email).await.unwrap());
        for path in &paths {
            assert_eq!(often(&used, path).await.0, 200, "{path} before {event}");
        }
        app.database().execute(event, &id).await.unwrap();
        for path in &paths[1..] {
            assert_eq!(often(&used, path).await, refused, "{path} after {event}");
        }
        // Who has to choose a password may still ask who they are.
        let expected = if refused.0 == 401 { refused } else { (200, String::new()) };
        assert_eq!(often(&used, paths[0]).await, expected, "after {event}");
    }
    assert_eq!(often(&admin, "/api/admin/groups").await.0, 200);
    let demote = "update users set role = 'user' where id = $1::uuid";
    app.database().execute(demote, &admin.id().await.unwrap()).await.unwrap();
    assert_eq!(often(&admin, "/api/admin/groups").await, (403, "admin_required".to_owned()));
    app.stop().await.unwrap();
}

#[tokio::test]
async fn what_somebody_may_use_is_never_remembered() {
    let upstream = Upstream::start().unwrap();
    let app = App::builder().variable("documents_upstream", upstream.origin()).start().await.unwrap();
    let user = app.user().await.unwrap();
    let (id, refused) = (user.id().await.unwrap(), (403, "app_not_granted".to_owned()));
    let allowed = || (200, String::new());
    assert_eq!(often(&user, "/api/documents").await, allowed());
    app.database().raw("insert into groups (name) values ('Readers')").await.unwrap();
    app.database().raw("insert into app_groups (app_key, group_id) select 'documents', id from groups").await.unwrap();
    app.database().raw("update apps set default_access = 'granted'").await.unwrap();
    assert_eq!(often(&user, "/api/documents").await, refused);
    for (grant, withdraw) in [
        (
            "insert into app_users (app_key, user_id) values ('documents', $1::uuid)",
            "delete from app_users where user_id = $1::uuid",
        ),
        (
            "insert into group_members (group_id, user_id) select id, $1::uuid from groups",
            "delete from group_members where user_id = $1::uuid",
        ),
        ("update users set role = 'admin' where id = $1::uuid", "update users set role = 'user' where id = $1::uuid"),
    ] {
        app.database().execute(grant, &id).await.unwrap();
        assert_eq!(often(&user, "/api/documents").await, allowed(), "after {grant}");
        app.database().execute(withdraw, &id).await.unwrap();
        assert_eq!(often(&user, "/api/documents").await, refused, "after {withdraw}");
    }
    app.stop().await.unwrap();
}

#[tokio::test]
async fn a_plan_that_postgres_keeps_follows_a_migration() {
    let app = App::start().await.unwrap();
    let user = app.user().await.unwrap();
    assert_eq!(often(&user, "/api/users/me").await.0, 200);
    let me = user.get("/api/users/me").await.unwrap().json();
    for change in [
        "alter table users add column before_full_name text",
        "do $$
         declare definition text := pg_get_functiondef('user_json'::regproc);
         begin
             drop function user_json;
             alter table users alter column email type varchar(400);
             execute definition;
         end $$",
        "drop index sessions_user_id_idx; analyze users; analyze sessions",
    ] {
        app.database().raw(change).await.unwrap();
        assert_eq!(often(&user, "/api/users/me").await.0, 200, "{change}");
        assert_eq!(user.get("/api/users/me").await.unwrap().json(), me, "{change}");
    }
    app.stop().await.unwrap();
}

#[tokio::test]
async fn a_key_that_was_withdrawn_is_gone_with_the_host_that_knew_it() {
    let (withdrawn, app) = (Keys::generate().unwrap(), App::start().await.unwrap());
    let user = app.user().await.unwrap();
    let both = app.keys().verifying_pem().unwrap() + &withdrawn.verifying_pem().unwrap();
    let earlier = app.replica_with("verifying_keys", both).unwrap();
    let keys = user.at(&earlier).get("/.well-known/jwks.json").await.unwrap().json();
    let claims = decode(user.token.split('.').nth(1).unwrap());
    let token = withdrawn.sign(&json!({"alg": "EdDSA", "kid": keys["keys"][1]["kid"]}), &claims);
    let by_withdrawn = user.with_token(&token);
    assert_eq!(often(&by_withdrawn.at(&earlier), "/api/users/me").await.0, 200);
    assert_eq!(often(&by_withdrawn, "/api/users/me").await, (401, "invalid_token".to_owned()));
    app.stop().await.unwrap();
}
