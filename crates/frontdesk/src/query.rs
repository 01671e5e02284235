//! The filters of a list, from the query of the URL.

use axum::extract::FromRequestParts;
use http::request::Parts;

use crate::error::{Error, FieldError, Result};
use crate::input::parse_bool;
use crate::text;

/// How long a text to look for may be: as long as an e-mail address.
pub const MAX_SEARCH: usize = 254;

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
        let mut parameters = Parameters::of(parts);
        let filters = T::take(&mut parameters);
        parameters.finish()?;
        Ok(Self(filters))
    }
}

/// The parameters of a query, and what was wrong with them.
#[derive(Debug)]
pub struct Parameters {
    given: Vec<(String, String)>,
    errors: Vec<FieldError>,
}

impl Parameters {
    pub(crate) fn of(parts: &Parts) -> Self {
        let query = parts.uri.query().unwrap_or_default();
        Self { given: form_urlencoded::parse(query.as_bytes()).into_owned().collect(), errors: Vec::new() }
    }

    /// A filter made into a `T`. Of one that is given twice the last counts; an empty one counts as not given.
    pub fn get<T>(&mut self, name: &str, expected: &str, parse: impl FnOnce(&str) -> Option<T>) -> Option<T> {
        let value = self.given.iter().rfind(|(given, value)| given == name && !value.is_empty());
        self.parsed(value.cloned(), "value_error", expected, parse)
    }

    /// What is no filter and has a `type` of its own for refusals. Of one that is given twice the last counts, and it may not be empty.
    pub(crate) fn get_strictly<T>(
        &mut self,
        name: &str,
        kind: &str,
        expected: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let value = self.given.iter().rfind(|(given, _)| given == name);
        self.parsed(value.cloned(), kind, expected, parse)
    }

    fn parsed<T>(
        &mut self,
        given: Option<(String, String)>,
        kind: &str,
        expected: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let (name, value) = given?;
        // Postgres cannot store NUL, and so nothing contains it.
        let parsed = if value.contains('\0') { None } else { parse(&value) };
        if parsed.is_none() {
            self.errors.push(FieldError::query(&name, kind, expected));
        }
        parsed
    }

    /// # Errors
    /// 422 when something was wrong.
    pub(crate) fn finish(self) -> Result<()> {
        if self.errors.is_empty() { Ok(()) } else { Err(Error::Invalid(self.errors)) }
    }

    /// A text to look for, in the form in which texts are stored; a blank one counts as not given. Nothing that is stored is longer
    /// than [`MAX_SEARCH`], and the database would be busy with the search for it.
    pub fn search(&mut self, name: &str, expected: &str) -> Option<String> {
        let text = self.get(name, expected, |text| Some(text::clean(text)))?;
        if text.chars().count() > MAX_SEARCH {
            let message = format!("{name} must have at most {MAX_SEARCH} characters");
            self.errors.push(FieldError::query(name, "string_too_long", &message));
        }
        Some(text).filter(|text| !text.is_empty())
    }
}

/// For [`Parameters::get`]: a boolean, in the words that FastAPI reads (API.md, section 0).
pub fn boolean(text: &str) -> Option<bool> {
    parse_bool(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Filter(Option<bool>, Option<String>);

    impl Filters for Filter {
        fn take(parameters: &mut Parameters) -> Self {
            Self(parameters.get("on", "on is true or false", boolean), parameters.search("q", "q is a text"))
        }
    }

    fn read(query: &str) -> Result<Filter> {
        let mut parts = http::Request::get(format!("/{query}")).body(()).unwrap().into_parts().0;
        let query = futures::executor::block_on(Query::<Filter>::from_request_parts(&mut parts, &()));
        query.map(|Query(filter)| filter)
    }

    fn on(query: &str) -> Result<Option<bool>> {
        read(query).map(|Filter(on, _)| on)
    }

    #[test]
    fn a_boolean_in_a_query_is_one_of_several_words() {
        for (query, expected) in [("", None), ("?on=", None), ("?on=YES", Some(true)), ("?on=1&on=Off", Some(false))] {
            assert_eq!(on(query).unwrap(), expected, "{query}");
        }
        for query in ["?on=maybe", "?on=2", "?on=+true", "?on=%00", "?on=true%00"] {
            assert!(on(query).is_err(), "{query} passed");
        }
    }
    #[test]
    fn a_text_to_look_for_has_the_form_of_stored_text() {
        for (query, expected) in [
            ("?q=", None),
            ("?q=+%09%0A", None),
            ("?q=%E2%80%8B", None),
            ("?q=+Ada%C2%A0", Some("Ada")),
            ("?q=Jose%CC%81", Some("Jos\u{e9}")),
            ("?q=A%C2%ADda%E2%80%AE", Some("Ada")),
            // Of two the last counts, unless it is empty: blank is what somebody typed.
            ("?q=Ada&q=", Some("Ada")),
            ("?q=Ada&q=+", None),
        ] {
            assert_eq!(read(query).unwrap().1.as_deref(), expected, "{query}");
        }
        assert!(read("?q=a%00").is_err());
        assert!(read(&format!("?q=+{}+", "\u{e4}".repeat(254))).is_ok());
        let Err(Error::Invalid(errors)) = read(&format!("?q={}", "a".repeat(255))) else { panic!("it passed") };
        assert_eq!((errors.len(), errors[0].kind.as_str()), (1, "string_too_long"));
    }
}
