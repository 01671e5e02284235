//! Show a document without its content.

use axum::Json;
use axum::extract::State;

use super::Documents;
use super::caller::{Caller, Id};
use super::document::Document;
use crate::{Error, Result};

pub(super) async fn show(caller: Caller, Id(id): Id, State(documents): State<Documents>) -> Result<Json<Document>> {
    let found = documents.on_disk(move |store| store.find(&caller, id)).await?;
    found.map(Json).ok_or(Error::NotFound)
}
