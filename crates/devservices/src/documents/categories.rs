//! The caller's categories: list them, create one, delete one.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;

use super::Documents;
use super::caller::{Caller, Id};
use super::document::{Category, new_id, now};
use crate::{Error, Result, body};

/// How long a name may be, in characters.
const MAX_NAME: usize = 100;

/// What to create.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Create {
    name: String,
}

pub(super) async fn list(caller: Caller, State(documents): State<Documents>) -> Result<Json<Vec<Category>>> {
    documents.on_disk(move |store| store.categories(&caller)).await.map(Json)
}

pub(super) async fn create(
    caller: Caller,
    State(documents): State<Documents>,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Json<Category>)> {
    let Create { name } = body::json(&headers, body).await?;
    let name = name.trim().to_owned();
    if name.is_empty() || name.chars().count() > MAX_NAME || name.contains(char::is_control) {
        return Err(Error::Invalid(format!("name must be 1 to {MAX_NAME} characters")));
    }
    let created = documents.on_disk(move |store| {
        store.change_categories(&caller, |categories| {
            let is_taken = categories.iter().any(|other| other.name.to_lowercase() == name.to_lowercase());
            let category = Category { id: new_id(), name, created_at: now() };
            (!is_taken).then(|| {
                categories.insert(0, category.clone());
                category
            })
        })
    });
    let category = created.await?.ok_or(Error::Conflict("There is a category of that name"))?;
    Ok((StatusCode::CREATED, Json(category)))
}

pub(super) async fn delete(caller: Caller, Id(id): Id, State(documents): State<Documents>) -> Result<StatusCode> {
    let deleted = documents.on_disk(move |store| {
        store.change_categories(&caller, |categories| {
            let at = categories.iter().position(|category| category.id == id)?;
            Some(categories.remove(at))
        })
    });
    deleted.await?.map(|_| StatusCode::NO_CONTENT).ok_or(Error::NotFound)
}
