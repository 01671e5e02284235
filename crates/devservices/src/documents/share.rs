//! Share a document with a group that its owner is in, and share it no longer. Who is in the group then sees it and its
//! content, and nothing else changes.

use axum::extract::{FromRequestParts, Path, State};
use http::StatusCode;
use http::request::Parts;
use uuid::Uuid;

use super::Documents;
use super::caller::Caller;
use crate::{Error, Result};

/// The document and the group in the path.
pub(super) struct Share {
    id: Uuid,
    group: Uuid,
}

impl<S: Send + Sync> FromRequestParts<S> for Share {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        let path = Path::<(Uuid, Uuid)>::from_request_parts(parts, state).await;
        path.map(|Path((id, group))| Self { id, group }).map_err(|_| Error::NotFound)
    }
}

pub(super) async fn share(
    caller: Caller,
    Share { id, group }: Share,
    State(documents): State<Documents>,
) -> Result<StatusCode> {
    if !caller.groups.contains(&group) {
        return Err(Error::Forbidden("A document is shared with a group that its owner is in, one of the first 100"));
    }
    documents.change_own(caller, id, move |store, caller| store.share(caller, id, group)).await
}

/// Also with a group that the owner has left.
pub(super) async fn unshare(
    caller: Caller,
    Share { id, group }: Share,
    State(documents): State<Documents>,
) -> Result<StatusCode> {
    documents.change_own(caller, id, move |store, caller| store.unshare(caller, id, group)).await
}
