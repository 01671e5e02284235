//! Bodies of JSON. What is wrong with one is told in FastAPI's form, all fields at once.
//!
//! They are read whole before anything else is looked at, so that a body over the limit is 413 whatever it claims to be.

use axum::extract::{FromRequest, Request};
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, HeaderMap};
use memchr::memmem;
use serde::Serialize;
use serde::de::{DeserializeOwned, IgnoredAny};

use crate::body::collect;
use crate::error::{Error, FieldError, Result};
use crate::refusals::{Kind, MAX_EXPLAINED, Refusal, field_error, from_value, location};

/// UTF-8's byte order mark, with which some programs begin a text.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// A JSON body, or a JSON answer.
#[derive(Debug)]
pub struct Json<T>(pub T);

/// A JSON body, or none; `null` is none too.
#[derive(Debug)]
pub struct OptionalJson<T>(pub Option<T>);

impl<T: DeserializeOwned, S: Sync> FromRequest<S> for OptionalJson<T> {
    type Rejection = Error;

    async fn from_request(request: Request, _: &S) -> Result<Self> {
        let (parts, body) = request.into_parts();
        let is_json = is_json(&parts.headers);
        let bytes = collect(&parts.headers, body, is_json).await?;
        if bytes.is_empty() || is_json && without_mark(&bytes).trim_ascii() == b"null" {
            Ok(Self(None))
        } else if is_json {
            parse(&bytes).map(Some).map(Self)
        } else {
            Err(Error::UnsupportedMediaType)
        }
    }
}

impl<T: DeserializeOwned, S: Sync> FromRequest<S> for Json<T> {
    type Rejection = Error;

    async fn from_request(request: Request, _: &S) -> Result<Self> {
        let (parts, body) = request.into_parts();
        let is_json = is_json(&parts.headers);
        let bytes = collect(&parts.headers, body, is_json).await?;
        if is_json { parse(&bytes).map(Self) } else { Err(Error::UnsupportedMediaType) }
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        match serde_json::to_vec(&self.0) {
            Ok(bytes) => ([(CONTENT_TYPE, "application/json")], bytes).into_response(),
            Err(error) => Error::internal(error).into_response(),
        }
    }
}

pub(crate) enum MediaType {
    Json,
    /// `application/x-www-form-urlencoded`.
    Form,
    /// `multipart/form-data`.
    Multipart,
}

/// The media type, whatever its parameters are.
pub(crate) fn media_type(headers: &HeaderMap) -> Option<MediaType> {
    let value = headers.get(CONTENT_TYPE)?.as_bytes();
    let essence = std::str::from_utf8(value.split(|byte| *byte == b';').next()?).ok()?.trim().to_ascii_lowercase();
    match essence.split_once('/')? {
        ("application", "json") => Some(MediaType::Json),
        ("application", subtype) if subtype.ends_with("+json") => Some(MediaType::Json),
        ("application", "x-www-form-urlencoded") => Some(MediaType::Form),
        ("multipart", "form-data") => Some(MediaType::Multipart),
        _ => None,
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    matches!(media_type(headers), Some(MediaType::Json))
}

fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes)
}

pub(crate) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    let bytes = without_mark(bytes);
    // Serde would take an array for a struct, field by field.
    let is_object = bytes.trim_ascii_start().starts_with(b"{");
    let holds_nul = holds_nul(bytes);
    // First without a note of where in it a field is: that would copy every name, and take four times as long.
    if is_object
        && !holds_nul
        && let Ok(parsed) = serde_json::from_slice(bytes)
    {
        return Ok(parsed);
    }
    parse_or_explain(bytes, is_object)
}

/// The same for a body that is probably refused: notes where.
fn parse_or_explain<T: DeserializeOwned>(bytes: &[u8], is_object: bool) -> Result<T> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let parsed = serde_path_to_error::deserialize::<_, T>(&mut deserializer)
        .map_err(|error| (location(error.path()), error.into_inner()))
        .and_then(|_| deserializer.end().map_err(|error| (Vec::new(), error)));
    let errors = match parsed {
        Err(_) if bytes.trim_ascii().is_empty() => vec![field_error(Vec::new(), Kind::Missing)],
        // A number where one of several words is expected is taken for bad syntax too.
        Err((_, error)) if !error.is_data() && serde_json::from_slice::<IgnoredAny>(bytes).is_err() => {
            vec![syntax_error(bytes, &error)]
        }
        Err((location, error)) if bytes.len() > MAX_EXPLAINED => {
            vec![Refusal::new(location, &error.to_string()).into_error()]
        }
        Ok(()) if bytes.len() > MAX_EXPLAINED => {
            vec![field_error(Vec::new(), if is_object { Kind::Nul } else { Kind::NotAnObject })]
        }
        // Short enough to be looked at as a whole, for all that is wrong with it.
        Ok(()) | Err(_) => match serde_json::from_slice(bytes) {
            Ok(value) => return from_value(value, bytes.len()),
            Err(error) => vec![syntax_error(bytes, &error)],
        },
    };
    Err(Error::Invalid(errors))
}

/// Whether a text in the JSON holds NUL, which Postgres cannot store and JSON can only spell as an escape.
fn holds_nul(bytes: &[u8]) -> bool {
    // Behind an odd number of backslashes the backslash of the escape is itself escaped.
    memmem::find_iter(bytes, b"\\u0000").any(|at| {
        let before = bytes.get(..at).unwrap_or_default();
        before.iter().rev().take_while(|byte| **byte == b'\\').count() % 2 == 0
    })
}

fn syntax_error(bytes: &[u8], error: &serde_json::Error) -> FieldError {
    let lines_before: usize =
        bytes.split_inclusive(|byte| *byte == b'\n').take(error.line().saturating_sub(1)).map(<[u8]>::len).sum();
    FieldError {
        loc: vec!["body".into(), (lines_before + error.column()).into()],
        msg: "JSON decode error".to_owned(),
        kind: "json_invalid".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::Value;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only whether it parses is looked at")]
    struct Input {
        email: String,
        age: u8,
        role: Option<crate::Role>,
        address: Option<Address>,
        tags: Option<Vec<String>>,
    }

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only whether it parses is looked at")]
    struct Address {
        street: String,
    }

    fn refused(body: &str) -> Vec<(String, String)> {
        match parse::<Input>(body.as_bytes()) {
            Err(Error::Invalid(errors)) => {
                errors.into_iter().map(|error| (Value::from(error.loc).to_string(), error.kind)).collect()
            }
            other => panic!("{other:?}"),
        }
    }

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(loc, kind)| ((*loc).to_owned(), (*kind).to_owned())).collect()
    }

    #[test]
    fn every_missing_and_mistyped_field_is_listed() {
        assert_eq!(refused("{}"), pairs(&[(r#"["body","email"]"#, "missing"), (r#"["body","age"]"#, "missing")]));
        let wrong = r#"{"email":5,"age":"x","tags":[1],"address":{},"more":1}"#;
        let found = refused(wrong);
        for (loc, kind) in [
            (r#"["body","email"]"#, "string_type"),
            (r#"["body","age"]"#, "int_type"),
            (r#"["body","tags",0]"#, "string_type"),
            (r#"["body","address","street"]"#, "missing"),
            (r#"["body","more"]"#, "extra_forbidden"),
        ] {
            assert!(found.contains(&(loc.to_owned(), kind.to_owned())), "{loc} is not in {found:?}");
        }
        assert_eq!(refused(r#"{"email":"a","age":1,"role":"king"}"#), pairs(&[(r#"["body","role"]"#, "enum")]));
        assert_eq!(refused(r#"{"email":"a","age":1,"role":7}"#).first().unwrap().0, r#"["body","role"]"#);
    }

    #[test]
    fn what_is_no_json_object_is_one_error() {
        assert_eq!(refused(r#"{"email""#), pairs(&[(r#"["body",8]"#, "json_invalid")]));
        assert_eq!(refused(r#"{"email":"a","age":1} x"#), pairs(&[(r#"["body",23]"#, "json_invalid")]));
        assert_eq!(refused("{\n\n\"email\""), pairs(&[(r#"["body",10]"#, "json_invalid")]));
        assert_eq!(refused(" \n"), pairs(&[(r#"["body"]"#, "missing")]));
        assert_eq!(refused(r#"["a",1,null,null,null]"#), pairs(&[(r#"["body"]"#, "model_type")]));
        assert_eq!(refused("5"), pairs(&[(r#"["body"]"#, "model_type")]));
        assert_eq!(refused(&"[".repeat(10_000)).len(), 1);
    }

    #[test]
    fn of_a_long_body_the_first_refusal_is_told() {
        let filler = "x".repeat(MAX_EXPLAINED);
        assert_eq!(
            refused(&format!(r#"{{"email":5,"age":"{filler}"}}"#)),
            pairs(&[(r#"["body","email"]"#, "string_type")])
        );
        assert_eq!(refused(&format!(r#"{{"email":"{filler}"}}"#)), pairs(&[(r#"["body","age"]"#, "missing")]));
        assert_eq!(
            refused(&format!(r#"{{"email":"\u0000{filler}","age":1}}"#)),
            pairs(&[(r#"["body"]"#, "string_nul")])
        );
    }

    #[test]
    fn a_nul_in_a_text_is_refused_and_its_look_alike_is_not() {
        assert_eq!(refused(r#"{"email":"a\u0000b","age":1}"#), pairs(&[(r#"["body","email"]"#, "string_nul")]));
        assert!(parse::<Input>(br#"{"email":"a\\u0000b","age":1}"#).is_ok());
    }

    #[test]
    fn a_body_may_begin_with_a_byte_order_mark() {
        assert!(parse::<Input>(b"\xef\xbb\xbf{\"email\":\"a\",\"age\":1}").is_ok());
        assert_eq!(refused("\u{feff}"), pairs(&[(r#"["body"]"#, "missing")]));
        assert_eq!(refused("\u{feff}{}"), refused("{}"));
        assert_eq!(refused("\u{feff}\u{feff}{}"), pairs(&[(r#"["body",1]"#, "json_invalid")]));
        assert_eq!(refused(" \u{feff}{}"), pairs(&[(r#"["body",2]"#, "json_invalid")]), "only at the beginning");
    }

    #[test]
    fn of_a_name_that_is_there_twice_the_last_value_counts() {
        #[derive(Deserialize)]
        struct Named {
            name: String,
        }
        assert_eq!(parse::<Named>(br#"{"name":"a","name":"b"}"#).unwrap().name, "b");
    }

    #[test]
    fn a_media_type_may_have_parameters_that_are_no_text() {
        let of = |value: &[u8]| media_type(&HeaderMap::from_iter([(CONTENT_TYPE, value.try_into().unwrap())]));
        assert!(matches!(of(b"Application/JSON; charset=\xff"), Some(MediaType::Json)));
        assert!(matches!(of(b"application/problem+json"), Some(MediaType::Json)));
        assert!(matches!(of(b" application/x-www-form-urlencoded ;"), Some(MediaType::Form)));
        assert!(matches!(of("multipart/form-data; boundary=ü".as_bytes()), Some(MediaType::Multipart)));
        for value in ["text/plain", "application/jsonp", "multipart/mixed; boundary=x", "json", "ü"] {
            assert!(of(value.as_bytes()).is_none(), "{value}");
        }
    }
}
