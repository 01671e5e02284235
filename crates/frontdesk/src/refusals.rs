//! What is wrong with the fields of a body, in FastAPI's form.

use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_path_to_error::{Path, Segment};

use crate::error::{Error, FieldError, Result};

/// The longest body of which all that is wrong is told, in bytes: telling takes several copies of it. Of a longer one the first
/// refusal is told.
pub(crate) const MAX_EXPLAINED: usize = 64 * 1024;

/// The most refused fields that one answer lists.
const MAX_FIELD_ERRORS: usize = 32;

/// A value as a `T`.
///
/// # Errors
/// 422 with every field that is missing or malformed, as far as one hides no other; of a body that is longer than
/// [`MAX_EXPLAINED`] with the first.
pub(crate) fn from_value<T: DeserializeOwned>(value: Value, length: usize) -> Result<T> {
    if !value.is_object() {
        return Err(Error::Invalid(vec![field_error(Vec::new(), Kind::NotAnObject)]));
    }
    let mut errors = Vec::new();
    find_nul(&value, &mut Vec::new(), &mut errors);
    match refusal::<T>(&value) {
        Ok(parsed) if errors.is_empty() => return Ok(parsed),
        Ok(_) => {}
        Err(first) if length > MAX_EXPLAINED => errors.push(first.into_error()),
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
pub(crate) struct Refusal {
    location: Vec<Value>,
    kind: Kind,
}

pub(crate) enum Kind {
    Missing,
    Unknown,
    NotAnObject,
    Nul,
    /// What serde says of the value.
    Mistyped(String),
}

impl Refusal {
    /// What serde says of the value at this place.
    pub(crate) fn new(mut location: Vec<Value>, message: &str) -> Self {
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

    pub(crate) fn into_error(self) -> FieldError {
        field_error(self.location, self.kind)
    }
}

fn refusal<T: DeserializeOwned>(value: &Value) -> std::result::Result<T, Refusal> {
    serde_path_to_error::deserialize(value)
        .map_err(|error| Refusal::new(location(error.path()), &error.into_inner().to_string()))
}

pub(crate) fn location(path: &Path) -> Vec<Value> {
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

pub(crate) fn field_error(location: Vec<Value>, kind: Kind) -> FieldError {
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
