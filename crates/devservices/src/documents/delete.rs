//! Delete a document. Who is downloading it gets the rest.

use axum::extract::State;
use http::StatusCode;

use super::Documents;
use super::caller::{Caller, Id};
use crate::{Error, Result};

pub(super) async fn delete(caller: Caller, Id(id): Id, State(documents): State<Documents>) -> Result<StatusCode> {
    let was_there = documents.on_disk(move |store| store.delete(caller, id)).await?;
    if was_there { Ok(StatusCode::NO_CONTENT) } else { Err(Error::NotFound) }
}
