//! Delete a document. Who is downloading it gets the rest.

use axum::extract::State;
use http::StatusCode;

use super::Documents;
use super::caller::{Caller, Id};
use crate::Result;

pub(super) async fn delete(caller: Caller, Id(id): Id, State(documents): State<Documents>) -> Result<StatusCode> {
    documents.change_own(caller, id, move |store, caller| store.delete(caller, id)).await
}
