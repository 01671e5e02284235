//! The ids in a path.

use axum::extract::{FromRequestParts, RawPathParams};
use http::request::Parts;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::error::{Error, FieldError, Result};

/// The parameters of the path, in their order.
#[derive(Debug)]
pub struct Path<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        if let Ok(axum::extract::Path(ids)) = axum::extract::Path::from_request_parts(parts, state).await {
            return Ok(Self(ids));
        }
        let parameters = RawPathParams::from_request_parts(parts, state).await.map_err(Error::internal)?;
        let refused = parameters.iter().filter(|(_, value)| value.parse::<Uuid>().is_err());
        let error = |(name, _): (&str, &str)| FieldError::path(name, "uuid_parsing", "This is not a UUID");
        Err(Error::Invalid(refused.map(error).collect()))
    }
}
