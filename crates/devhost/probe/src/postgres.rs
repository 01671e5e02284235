//! Statements for a database.

use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::future::{Either, select};
use serde_json::{Value, json};
use spin_sdk::http::Error;
use spin_sdk::pg::{Connection, DbValue};

use crate::question::Question;

/// More sessions than any host gives.
const TOO_MANY: usize = 100;

/// Who has waited so long for a session gets none. Long, because a session may be made on a busy machine.
const PATIENCE: Duration = Duration::from_secs(4);

/// Runs each `sql=` on one connection to `address=` and gives that back. What a statement comes to is its rows as text, or the
/// error and whether it came with the statement or after it was accepted.
pub(crate) async fn query(question: &Question) -> Result<Value, Error> {
    let connection = match Connection::open(question.get("address")?).await {
        Ok(connection) => connection,
        Err(error) => return Ok(json!({"not opened": format!("{error:?}")})),
    };
    let mut outcomes = Vec::new();
    for statement in question.all("sql") {
        outcomes.push(outcome(&connection, statement).await);
    }
    Ok(outcomes.into())
}

/// The connection that an instance keeps.
static KEPT: Mutex<Option<Arc<Connection>>> = Mutex::new(None);

/// The rows of `sql=`, on a connection to `address=` that is kept for the requests that follow.
///
/// # Errors
/// When there is no connection or the statement fails; the connection is then not kept.
pub(crate) async fn query_kept(question: &Question) -> Result<Value, Error> {
    let kept = || KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    let connection = kept().clone();
    let connection = match connection {
        Some(connection) => connection,
        None => {
            let opened =
                Connection::open(question.get("address")?).await.map_err(|error| Error::other(error.to_string()))?;
            Arc::clone(kept().insert(Arc::new(opened)))
        }
    };
    let outcome = outcome(&connection, question.get("sql")?).await;
    if outcome.is_array() {
        return Ok(outcome);
    }
    kept().take();
    Err(Error::other(outcome.to_string()))
}

async fn outcome(connection: &Connection, statement: &str) -> Value {
    let mut result = match connection.query(statement, []).await {
        Ok(result) => result,
        Err(error) => return json!({"refused": format!("{error:?}")}),
    };
    let mut rows = Vec::new();
    while let Some(row) = result.rows().next().await {
        rows.push(row.iter().map(text).collect());
    }
    match result.result().await {
        Ok(()) => Value::Array(rows),
        Err(error) => json!({"failed": format!("{error:?}")}),
    }
}

fn text(value: &DbValue) -> Value {
    match value {
        DbValue::Str(text) => json!(text),
        other => json!(format!("{other:?}")),
    }
}

/// Takes sessions at `address=` until there are no more: how many there were, and whether there is one again when one is
/// given back.
pub(crate) async fn drain_pool(question: &Question) -> Result<Value, Error> {
    let address = question.get("address")?;
    let mut sessions = Vec::new();
    while sessions.len() < TOO_MANY {
        match open(address).await? {
            Some(session) => sessions.push(session),
            None => break,
        }
    }
    let taken = sessions.len();
    sessions.pop();
    Ok(json!({"taken": taken, "after one was given back": open(address).await?.is_some()}))
}

async fn open(address: &str) -> Result<Option<Connection>, Error> {
    match select(pin!(Connection::open(address)), pin!(spin_sdk::time::sleep(PATIENCE))).await {
        Either::Left((connection, _)) => connection.map(Some).map_err(|error| Error::other(format!("{error:?}"))),
        Either::Right(_) => Ok(None),
    }
}
