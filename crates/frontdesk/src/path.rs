//! The ids and keys in a path.

use axum::extract::path::ErrorKind;
use axum::extract::rejection::PathRejection;
use axum::extract::{FromRequestParts, RawPathParams};
use http::request::Parts;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::apps::Key;
use crate::error::{Error, FieldError, Result};

/// What the parameter is called that is a [`Key`]; every other one is a UUID.
const KEY: &str = "key";

/// The parameters of the path, in their order.
#[derive(Debug)]
pub struct Path<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        let rejection = match axum::extract::Path::from_request_parts(parts, state).await {
            Ok(axum::extract::Path(ids)) => return Ok(Self(ids)),
            Err(rejection) => rejection,
        };
        let error = |name: &str| match name {
            KEY => FieldError::path(name, "key_invalid", Key::RULE),
            _ => FieldError::path(name, "uuid_parsing", "This is not a UUID"),
        };
        if let PathRejection::FailedToDeserializePathParams(failure) = &rejection
            && let ErrorKind::InvalidUtf8InPathParam { key } = failure.kind()
        {
            return Err(Error::Invalid(vec![error(key)]));
        }
        let parameters = RawPathParams::from_request_parts(parts, state).await.map_err(Error::internal)?;
        let refused = parameters.iter().filter(|(name, value)| match *name {
            KEY => Key::parse(value).is_err(),
            _ => value.parse::<Uuid>().is_err(),
        });
        Err(Error::Invalid(refused.map(|(name, _)| error(name)).collect()))
    }
}
