//! The filters of a list, from the query of the URL.

use axum::extract::FromRequestParts;
use http::request::Parts;

use crate::error::{Error, FieldError, Result};

/// Filters that a list takes; what it does not know is ignored.
pub trait Filters: Sized {
    /// Takes its parameters.
    fn take(parameters: &mut Parameters) -> Self;
}

/// The query of a list.
#[derive(Debug)]
pub struct Query<T>(pub T);

impl<T: Filters, S: Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        let query = parts.uri.query().unwrap_or_default();
        let given = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let mut parameters = Parameters { given, errors: Vec::new() };
        let filters = T::take(&mut parameters);
        if parameters.errors.is_empty() { Ok(Self(filters)) } else { Err(Error::Invalid(parameters.errors)) }
    }
}

/// The parameters of a query, and what was wrong with them.
#[derive(Debug)]
pub struct Parameters {
    given: Vec<(String, String)>,
    errors: Vec<FieldError>,
}

impl Parameters {
    /// A parameter made into a `T`. Of one that is given twice the last counts; an empty one counts as not given.
    pub fn get<T>(&mut self, name: &str, expected: &str, parse: impl FnOnce(&str) -> Option<T>) -> Option<T> {
        let (_, value) = self.given.iter().rev().find(|(given, value)| given == name && !value.is_empty())?;
        // Postgres cannot store NUL, and so nothing contains it.
        let parsed = if value.contains('\0') { None } else { parse(value) };
        if parsed.is_none() {
            self.errors.push(FieldError::query(name, "value_error", expected));
        }
        parsed
    }
}
