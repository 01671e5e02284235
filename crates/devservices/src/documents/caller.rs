//! Who is calling, and what about.

use std::sync::Arc;

use axum::extract::{FromRequestParts, Path};
use http::request::Parts;
use uuid::Uuid;

use crate::{Error, Result};

/// The user on whose behalf Frontdesk forwards the request.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    pub(super) user_id: Uuid,
    /// The groups that the user is in: all, or the first 100, which is as many as Frontdesk tells.
    pub(super) groups: Arc<[Uuid]>,
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        let mut values = parts.headers.get_all("x-user-id").iter();
        let (Some(value), None) = (values.next(), values.next()) else { return Err(Error::NotSignedIn) };
        let user_id = Uuid::try_parse_ascii(value.as_bytes()).map_err(|_| Error::NotSignedIn)?;
        let groups = parts.headers.get("x-user-groups").and_then(|value| value.to_str().ok()).unwrap_or_default();
        Ok(Self { user_id, groups: groups.split(',').filter_map(|id| Uuid::try_parse(id).ok()).collect() })
    }
}

/// The id in the path. One that is no UUID names nothing.
pub(super) struct Id(pub(super) Uuid);

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        let Path(id) = Path::<Uuid>::from_request_parts(parts, state).await.map_err(|_| Error::NotFound)?;
        Ok(Self(id))
    }
}
