//! The audit log: what changes leave in it, /api/admin/audit, and the chain of seals.

mod changes;
mod export;
mod list;
mod seal;
mod verify;

use e2e::{Answer, App, AppBuilder, Caller};
use reqwest::Method;
use serde_json::Value;

const AUDIT: &str = "/api/admin/audit";

/// What an administrator may have done in a long time: 120 rows a minute apart, the last one now, by two people and on three targets.
const ROWS: &str = "
insert into audit_log (at, actor_id, action, target_type, target_id, ip, request_id, changes)
select now() - n * interval '1 minute', ('00000000-0000-4000-8000-00000000000' || n % 2)::uuid,
       case when n % 4 = 0 then 'group.deleted' else 'group.created' end, 'thing', 'thing-' || n % 3, '10.0.0.7', 'r-' || n,
       jsonb_build_object('n', jsonb_build_array(n, null))
from generate_series(0, 119) n";

/// The rows that a path lists, newest first.
async fn rows(admin: &Caller, query: &str) -> Vec<Value> {
    let answer = admin.get(&format!("{AUDIT}?{query}")).await.unwrap();
    assert_eq!(answer.status, 200, "{answer}");
    answer.json().as_array().unwrap().clone()
}

/// The scheduled work.
async fn tick(caller: &Caller) -> Answer {
    let scheduler = caller.with_token(AppBuilder::TICK_TOKEN);
    scheduler.send(scheduler.request(Method::POST, "/internal/tick")).await.unwrap()
}

/// How many rows have a seal.
async fn sealed(app: &App) -> String {
    app.database().text("select count(*)::text from audit_log where seq is not null and $1 = ''", "").await.unwrap()
}
