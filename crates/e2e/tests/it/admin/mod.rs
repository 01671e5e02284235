//! /api/admin/users.

mod accounts;
mod export;
mod last_admin;
mod list;
mod list_sessions;
mod revoke_session;
mod revoke_sessions;
mod update;

use std::time::Duration;

use e2e::App;

const USERS: &str = "/api/admin/users";

/// How long statements may take until they wait; the server gives up those that wait for two seconds.
const UNTIL_WAITING: Duration = Duration::from_secs(10);

/// The path of a user.
fn path(id: &str) -> String {
    format!("{USERS}/{id}")
}

/// The path of their sessions.
fn sessions(id: &str) -> String {
    format!("{}/sessions", path(id))
}

/// Returns when so many statements wait for a lock.
pub(crate) async fn until_waiting(app: &App, statements: usize) {
    let count =
        "select count(*)::text from pg_stat_activity where datname = current_database() and wait_event_type = $1";
    let wait = async { while app.database().text(count, "Lock").await.unwrap() != statements.to_string() {} };
    tokio::time::timeout(UNTIL_WAITING, wait).await.expect("statements that wait for a lock");
}
