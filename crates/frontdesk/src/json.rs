//! Bodies: JSON, or the same fields as a form. What is wrong with one is told in FastAPI's form, all fields at once.
//!
//! They are read whole before anything else is looked at, so that a body over the limit is 413 whatever it claims to be.

use axum::extract::{FromRequest, Request};
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, HeaderMap};
use serde::Serialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::Value;
use serde_path_to_error::{Path, Segment};

use crate::body::collect;
use crate::error::{Error, FieldError, Result};

/// The longest body of which all that is wrong is told, in bytes: telling takes several copies of it. Of a longer one the first
/// refusal is told.
const MAX_EXPLAINED: usize = 64 * 1024;

/// The most refused fields that one answer lists.
const MAX_FIELD_ERRORS: usize = 32;

/// A JSON body, or a JSON answer.
#[derive(Debug)]
pub struct Json<T>(pub T);

/// A JSON body, or the same fields as `application/x-www-form-urlencoded`.
#[derive(Debug)]
pub struct FormOrJson<T>(pub T);

/// A JSON body, or none; `null` is none too.
#[derive(Debug)]
pub struct OptionalJson<T>(pub Option<T>);

impl<T: DeserializeOwned, S: Sync> FromRequest<S> for OptionalJson<T> {
    type Rejection = Error;

    async fn from_request(request: Request, _: &S) -> Result<Self> {
        let (parts, body) = request.into_parts();
        let bytes = collect(&parts.headers, body).await?;
        match media_type(&parts.headers) {
            _ if bytes.is_empty() => Ok(Self(None)),
            Some(MediaType::Json) if bytes.trim_ascii() == b"null" => Ok(Self(None)),
            Some(MediaType::Json) => parse(&bytes).map(Some).map(Self),
            Some(MediaType::Form) | None => Err(Error::UnsupportedMediaType),
        }
    }
}

impl<T: DeserializeOwned, S: Sync> FromRequest<S> for Json<T> {
    type Rejection = Error;

    async fn from_request(request: Request, _: &S) -> Result<Self> {
        let (parts, body) = request.into_parts();
        let bytes = collect(&parts.headers, body).await?;
        match media_type(&parts.headers) {
            Some(MediaType::Json) => parse(&bytes).map(Self),
            Some(MediaType::Form) | None => Err(Error::UnsupportedMediaType),
        }
    }
}

impl<T: DeserializeOwned, S: Sync> FromRequest<S> for FormOrJson<T> {
    type Rejection = Error;

    async fn from_request(request: Request, _: &S) -> Result<Self> {
        let (parts, body) = request.into_parts();
        let bytes = collect(&parts.headers, body).await?;
        match media_type(&parts.headers) {
            Some(MediaType::Json) => parse(&bytes).map(Self),
            Some(MediaType::Form) => {
                // Of a field that is sent twice the last value counts, as in FastAPI.
                let fields = form_urlencoded::parse(&bytes).map(|(name, value)| (name.into_owned(), value.into()));
                from_value(Value::Object(fields.collect())).map(Self)
            }
            None => Err(Error::UnsupportedMediaType),
        }
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

enum MediaType {
    Json,
    Form,
}

fn media_type(headers: &HeaderMap) -> Option<MediaType> {
    let value = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    let essence = value.split(';').next()?.trim().to_ascii_lowercase();
    match essence.split_once('/')? {
        ("application", "json") => Some(MediaType::Json),
        ("application", subtype) if subtype.ends_with("+json") => Some(MediaType::Json),
        ("application", "x-www-form-urlencoded") => Some(MediaType::Form),
        _ => None,
    }
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    // Serde would take an array for a struct, field by field.
    let is_object = bytes.trim_ascii_start().starts_with(b"{");
    let holds_nul = holds_nul(bytes);
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let parsed = serde_path_to_error::deserialize(&mut deserializer)
        .map_err(|error| (location(error.path()), error.into_inner()))
        .and_then(|parsed| deserializer.end().map(|()| parsed).map_err(|error| (Vec::new(), error)));
    let errors = match parsed {
        Ok(parsed) if is_object && !holds_nul => return Ok(parsed),
        Err(_) if bytes.trim_ascii().is_empty() => vec![field_error(Vec::new(), Kind::Missing)],
        // A number where one of several words is expected is taken for bad syntax too.
        Err((_, error)) if !error.is_data() && serde_json::from_slice::<IgnoredAny>(bytes).is_err() => {
            vec![syntax_error(bytes, &error)]
        }
        Err((location, error)) if bytes.len() > MAX_EXPLAINED => {
            let Refusal { location, kind } = Refusal::new(location, &error.to_string());
            vec![field_error(location, kind)]
        }
        Ok(_) if bytes.len() > MAX_EXPLAINED => {
            vec![field_error(Vec::new(), if is_object { Kind::Nul } else { Kind::NotAnObject })]
        }
        // Short enough to be looked at as a whole, for all that is wrong with it.
        Ok(_) | Err(_) => match serde_json::from_slice(bytes) {
            Ok(value) => return from_value(value),
            Err(error) => vec![syntax_error(bytes, &error)],
        },
    };
    Err(Error::Invalid(errors))
}

/// Whether a text in the JSON holds NUL, which Postgres cannot store and JSON can only spell as an escape.
fn holds_nul(bytes: &[u8]) -> bool {
    let escapes = bytes.windows(6).enumerate().filter(|(_, window)| window == b"\\u0000");
    // Behind an odd number of backslashes the backslash of the escape is itself escaped.
    escapes.into_iter().any(|(at, _)| {
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

/// A value as a `T`.
///
/// # Errors
/// 422 with every field that is missing or malformed, as far as one hides no other.
fn from_value<T: DeserializeOwned>(value: Value) -> Result<T> {
    if !value.is_object() {
        return Err(Error::Invalid(vec![field_error(Vec::new(), Kind::NotAnObject)]));
    }
    let mut errors = Vec::new();
    find_nul(&value, &mut Vec::new(), &mut errors);
    match refusal::<T>(&value) {
        Ok(parsed) if errors.is_empty() => return Ok(parsed),
        Ok(_) => {}
        Err(first) => errors.extend(refusals::<T>(value, first)),
    }
    Err(Error::Invalid(errors))
}

fn find_nul(value: &Value, location: &mut Vec<Value>, errors: &mut Vec<FieldError>) {
    let mut nested = |key: Value, value: &Value| {
        location.push(key);
        find_nul(value, location, errors);
        location.pop();
    };
    match value {
        Value::Array(values) => values.iter().enumerate().for_each(|(index, value)| nested(index.into(), value)),
        Value::Object(fields) => fields.iter().for_each(|(name, value)| nested(name.as_str().into(), value)),
        Value::String(text) if text.contains('\0') && errors.len() < MAX_FIELD_ERRORS => {
            errors.push(field_error(location.clone(), Kind::Nul));
        }
        _ => {}
    }
}

/// One refused place.
struct Refusal {
    location: Vec<Value>,
    kind: Kind,
}

enum Kind {
    Missing,
    Unknown,
    NotAnObject,
    Nul,
    /// What serde says of the value.
    Mistyped(String),
}

impl Refusal {
    /// What serde says of the value at this place.
    fn new(mut location: Vec<Value>, message: &str) -> Self {
        let quoted = |prefix: &str| {
            message
                .strip_prefix(prefix)
                .and_then(|rest| rest.split('`').next())
                .map(|name| Value::from(name.to_owned()))
        };
        let kind = if let Some(name) = quoted("missing field `") {
            location.push(name);
            Kind::Missing
        } else if let Some(name) = quoted("unknown field `") {
            if location.last() != Some(&name) {
                location.push(name);
            }
            Kind::Unknown
        } else {
            Kind::Mistyped(message.to_owned())
        };
        Self { location, kind }
    }
}

fn refusal<T: DeserializeOwned>(value: &Value) -> std::result::Result<T, Refusal> {
    serde_path_to_error::deserialize(value)
        .map_err(|error| Refusal::new(location(error.path()), &error.into_inner().to_string()))
}

fn location(path: &Path) -> Vec<Value> {
    let segments = path.iter().filter_map(|segment| match segment {
        Segment::Seq { index } => Some(Value::from(*index)),
        Segment::Map { key } => Some(Value::from(key.clone())),
        Segment::Enum { .. } | Segment::Unknown => None,
    });
    segments.collect()
}

/// All refusals: serde stops at the first, so each refused place is mended with something that passes, and the next looked
/// for.
fn refusals<T: DeserializeOwned>(mut value: Value, first: Refusal) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let mut next = Some(first);
    while let Some(Refusal { location, kind }) = next.take() {
        let mended = match kind {
            Kind::Unknown => remove(&value, &location),
            Kind::Missing | Kind::Mistyped(_) => mend::<T>(&value, &location),
            Kind::NotAnObject | Kind::Nul => None,
        };
        errors.push(field_error(location, kind));
        if let Some(mended) = mended.filter(|_| errors.len() < MAX_FIELD_ERRORS) {
            next = refusal::<T>(&mended).err();
            value = mended;
        }
    }
    errors
}

fn field_error(location: Vec<Value>, kind: Kind) -> FieldError {
    let (kind, msg) = match kind {
        Kind::Missing => ("missing", "Field required"),
        Kind::Unknown => ("extra_forbidden", "Extra inputs are not permitted"),
        Kind::NotAnObject => ("model_type", "Input should be an object"),
        Kind::Nul => ("string_nul", "A text must not contain NUL characters"),
        Kind::Mistyped(message) => expectation(&message),
    };
    let loc = std::iter::once("body".into()).chain(location).collect();
    FieldError { loc, msg: msg.to_owned(), kind: kind.to_owned() }
}

/// Pydantic's name and text for what serde says of a value. Serde's own text would repeat the value.
fn expectation(message: &str) -> (&'static str, &'static str) {
    let expected = message.rsplit_once("expected ").map_or("", |(_, expected)| expected);
    match expected {
        _ if message.starts_with("unknown variant") => ("enum", "Input should be one of the allowed values"),
        text if text.contains("string") => ("string_type", "Input should be a valid string"),
        text if text.contains("boolean") => ("bool_type", "Input should be a valid boolean"),
        text if text.starts_with("struct") || text.contains("map") => ("model_type", "Input should be an object"),
        text if text.contains("sequence") => ("list_type", "Input should be a valid list"),
        text if text.contains("UUID") => ("uuid_parsing", "Input should be a valid UUID"),
        text if text.starts_with('i') || text.starts_with('u') => ("int_type", "Input should be a valid integer"),
        _ => ("value_error", "Input is not valid"),
    }
}

/// The value with something at this place that is refused no more, if there is such a thing.
fn mend<T: DeserializeOwned>(value: &Value, location: &[Value]) -> Option<Value> {
    let candidates = [
        Value::from(""),
        0.into(),
        false.into(),
        Value::Null,
        Value::Array(Vec::new()),
        Value::Object(Default::default()),
    ];
    candidates.into_iter().find_map(|candidate| {
        let mut mended = value.clone();
        set(&mut mended, location, candidate)?;
        let is_still_refused = refusal::<T>(&mended).is_err_and(|refusal| refusal.location == location);
        (!is_still_refused).then_some(mended)
    })
}

fn set(value: &mut Value, location: &[Value], new: Value) -> Option<()> {
    let Some((last, parents)) = location.split_last() else {
        *value = new;
        return Some(());
    };
    match (parents.iter().try_fold(value, step)?, last) {
        (Value::Object(fields), Value::String(name)) => {
            fields.insert(name.clone(), new);
        }
        (Value::Array(values), Value::Number(index)) => *values.get_mut(usize::try_from(index.as_u64()?).ok()?)? = new,
        _ => return None,
    }
    Some(())
}

fn step<'value>(value: &'value mut Value, key: &Value) -> Option<&'value mut Value> {
    match (value, key) {
        (Value::Object(fields), Value::String(name)) => fields.get_mut(name),
        (Value::Array(values), Value::Number(index)) => values.get_mut(usize::try_from(index.as_u64()?).ok()?),
        _ => None,
    }
}

fn remove(value: &Value, location: &[Value]) -> Option<Value> {
    let mut without = value.clone();
    let (last, parents) = location.split_last()?;
    parents.iter().try_fold(&mut without, step)?.as_object_mut()?.remove(last.as_str()?)?;
    Some(without)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

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
}
