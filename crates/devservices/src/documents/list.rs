//! List the caller's documents, and those that others share with the caller.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use serde::Deserialize;
use uuid::Uuid;

use super::Documents;
use super::caller::Caller;
use super::document::Document;
use crate::{Error, Result};

const DEFAULT_LIMIT: usize = 50;
const MAX_LIMIT: usize = 200;

/// Which documents.
#[derive(Deserialize)]
pub(super) struct Filter {
    category: Option<String>,
    limit: Option<usize>,
}

pub(super) async fn list(
    caller: Caller,
    State(documents): State<Documents>,
    filter: std::result::Result<Query<Filter>, QueryRejection>,
) -> Result<Json<Vec<Document>>> {
    let Query(filter) = filter.map_err(|error| Error::Invalid(error.body_text()))?;
    let limit = filter.limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        return Err(Error::Invalid(format!("limit must be 1 to {MAX_LIMIT}")));
    }
    let category = parse_category(filter.category.as_deref())?;
    let mut found = documents.on_disk(move |store| store.list(&caller)).await?;
    found.retain(|document| category.is_none() || document.category == category);
    found.truncate(limit);
    Ok(Json(found))
}

/// A category as forms and queries name it: an empty one is none.
pub(super) fn parse_category(text: Option<&str>) -> Result<Option<Uuid>> {
    text.map(str::trim)
        .filter(|text| !text.is_empty())
        .map(|text| Uuid::try_parse(text).map_err(|_| Error::invalid("category must be the id of a category")))
        .transpose()
}
