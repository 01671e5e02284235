//! The OpenAPI document as it is checked in, and whether answers and examples keep to it.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::OnceLock;

use anyhow::{Context as _, Result, ensure};
use reqwest::Method;
use serde_json::{Map, Value};

use crate::answer::Answer;

/// Where it is in the checkout.
const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/openapi.json");
/// What is another service's: of its answers only the errors of ours are in the document.
const FORWARDED: &str = "/api/documents";
/// Keywords that say nothing of a value.
const ANNOTATIONS: [&str; 5] = ["description", "example", "examples", "title", "writeOnly"];

/// An OpenAPI document.
#[derive(Clone, Debug)]
pub struct Document(Value);

impl Document {
    /// Of this JSON.
    pub fn new(document: Value) -> Self {
        Self(document)
    }

    /// The one that is checked in.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn checked_in() -> Result<&'static Self> {
        static DOCUMENT: OnceLock<Document> = OnceLock::new();
        if let Some(document) = DOCUMENT.get() {
            return Ok(document);
        }
        let text = std::fs::read_to_string(Path::new(PATH)).with_context(|| format!("cannot read {PATH}"))?;
        let document = serde_json::from_str(&text).with_context(|| format!("{PATH} is not JSON"))?;
        Ok(DOCUMENT.get_or_init(|| Self(document)))
    }

    /// Its JSON.
    pub fn json(&self) -> &Value {
        &self.0
    }

    /// What a `$ref` refers to; anything else as it is.
    pub fn resolved<'a>(&'a self, value: &'a Value) -> &'a Value {
        let target = value.get("$ref").and_then(Value::as_str).and_then(|target| target.strip_prefix('#'));
        target.and_then(|target| self.0.pointer(target)).unwrap_or(value)
    }

    /// Fails unless the answer to a request is one that the document describes: its status, its error code, and its JSON. A path
    /// that is not in the document has no answer to describe, and neither has a method that the path does not have.
    ///
    /// # Errors
    /// When it is not.
    pub(crate) fn check(&self, method: &Method, path: &str, answer: &Answer) -> Result<()> {
        let Some(operation) = self.operation(method, path).filter(|_| answer.status.as_u16() != 405) else {
            return Ok(());
        };
        let status = answer.status.as_u16();
        let (is_head, is_forwarded) = (method == Method::HEAD, path.starts_with(FORWARDED));
        let described = operation.get("responses").and_then(|responses| responses.get(status.to_string()));
        let body = answer.json();
        let is_ours = body.get("request_id").and_then(Value::as_str) == Some(answer.header("x-request-id"));
        if is_forwarded && !is_ours {
            return Ok(());
        }
        let context = || format!("{method} {path} answered with what is not in docs/openapi.json: {answer}");
        let response = described.with_context(context)?;
        if let Some(code) = body.get("code").and_then(Value::as_str).filter(|_| status >= 400) {
            let description = response.get("description").and_then(Value::as_str).unwrap_or_default();
            ensure!(description.contains(&format!("`{code}`: ")), context());
        }
        let is_json = answer.header("content-type") == "application/json";
        let schema = response.pointer("/content/application~1json/schema");
        if let Some(schema) = schema.filter(|_| is_json && !is_head) {
            let mut problems = self.problems(schema, &body);
            self.find_undescribed(&[schema], &body, "", &mut problems);
            self.find_unknown_types(&body, &mut problems);
            ensure!(problems.is_empty(), "{}\n{}", context(), problems.join("\n"));
        }
        Ok(())
    }

    /// The operation that a request is for: a path without parameters wins, as in the router.
    fn operation(&self, method: &Method, path: &str) -> Option<&Value> {
        let paths = self.0.get("paths")?.as_object()?;
        let matching = paths.iter().filter(|(template, _)| is_of(template, path));
        let (_, methods) = matching.min_by_key(|(template, _)| template.matches('{').count())?;
        let name = method.as_str().to_ascii_lowercase();
        methods.get(name).or_else(|| methods.get("get").filter(|_| method == Method::HEAD))
    }

    /// What of a 422 is of a `type` that the document does not list.
    fn find_unknown_types(&self, body: &Value, problems: &mut Vec<String>) {
        let listed =
            self.0.pointer("/components/schemas/FieldError/properties/type/description").and_then(Value::as_str);
        for field in body.get("detail").and_then(Value::as_array).into_iter().flatten() {
            let kind = field.get("type").and_then(Value::as_str).unwrap_or_default();
            if !listed.is_some_and(|listed| listed.contains(&format!("- `{kind}`: "))) {
                problems.push(format!("the type {kind} of a refused field is not listed"));
            }
        }
    }

    /// Why a value is not valid for a schema; nothing if it is.
    pub fn problems(&self, schema: &Value, value: &Value) -> Vec<String> {
        let mut problems = Vec::new();
        self.validate(schema, value, "", &mut problems);
        problems
    }

    /// JSON Schema 2020-12, as far as the document uses it: a keyword that is not known here is a problem.
    fn validate(&self, schema: &Value, value: &Value, at: &str, problems: &mut Vec<String>) {
        for (keyword, expected) in schema.as_object().into_iter().flatten() {
            match self.keyword(schema, keyword, expected, value, at, problems) {
                Some(true) => {}
                Some(false) => problems.push(format!("{at}: {value} breaks {keyword}: {expected}")),
                None => problems.push(format!("{at}: {keyword}: {expected} cannot be checked")),
            }
        }
    }

    /// Whether a value keeps to a keyword; `None` when that is not known. What is wrong inside the value is told itself.
    fn keyword(
        &self,
        schema: &Value,
        keyword: &str,
        expected: &Value,
        value: &Value,
        at: &str,
        problems: &mut Vec<String>,
    ) -> Option<bool> {
        let (text, fields) = (value.as_str(), value.as_object());
        let characters = text.map(|text| text.chars().count() as u64);
        let schemas = expected.as_array().map(Vec::as_slice).unwrap_or_default();
        Some(match keyword {
            "$ref" => {
                let target = self.resolved(schema);
                if std::ptr::eq(target, schema) {
                    return None;
                }
                self.validate(target, value, at, problems);
                true
            }
            "allOf" => {
                schemas.iter().for_each(|schema| self.validate(schema, value, at, problems));
                true
            }
            "oneOf" => schemas.iter().filter(|schema| self.problems(schema, value).is_empty()).count() == 1,
            "type" if expected.is_array() => schemas.iter().any(|expected| is_of_type(value, expected)),
            "type" => is_of_type(value, expected),
            "enum" => schemas.contains(value),
            "required" => fields
                .is_none_or(|fields| schemas.iter().filter_map(Value::as_str).all(|name| fields.contains_key(name))),
            "properties" => {
                for (name, schema) in expected.as_object()? {
                    if let Some(field) = value.get(name) {
                        self.validate(schema, field, &format!("{at}/{name}"), problems);
                    }
                }
                true
            }
            "additionalProperties" => {
                let named = schema.get("properties").and_then(Value::as_object);
                let others = fields.into_iter().flatten();
                let mut others = others.filter(|(name, _)| !named.is_some_and(|named| named.contains_key(*name)));
                match expected {
                    Value::Bool(allowed) => *allowed || others.next().is_none(),
                    schema => {
                        others
                            .for_each(|(name, field)| self.validate(schema, field, &format!("{at}/{name}"), problems));
                        true
                    }
                }
            }
            "propertyNames" => {
                let names = fields.into_iter().flat_map(Map::keys);
                names.for_each(|name| self.validate(expected, &name.as_str().into(), at, problems));
                true
            }
            "items" => {
                for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                    self.validate(expected, item, &format!("{at}/{index}"), problems);
                }
                true
            }
            "minimum" => value.as_i64().is_none_or(|number| expected.as_i64().is_some_and(|least| number >= least)),
            "maximum" => value.as_i64().is_none_or(|number| expected.as_i64().is_some_and(|most| number <= most)),
            "minLength" => characters.is_none_or(|count| expected.as_u64().is_some_and(|least| count >= least)),
            "maxLength" => characters.is_none_or(|count| expected.as_u64().is_some_and(|most| count <= most)),
            "pattern" if expected == "^[a-z][a-z0-9-]{0,62}$" => text.is_none_or(is_key),
            "format" => match (expected.as_str()?, text) {
                ("int32" | "int64" | "password", _) | ("uuid" | "date-time", None) => true,
                ("uuid", Some(text)) => text.parse::<uuid::Uuid>().is_ok(),
                ("date-time", Some(text)) => is_time(text),
                _ => return None,
            },
            keyword if ANNOTATIONS.contains(&keyword) => true,
            _ => return None,
        })
    }

    /// What is in a value and in none of these schemas.
    fn find_undescribed(&self, schemas: &[&Value], value: &Value, at: &str, problems: &mut Vec<String>) {
        let schemas: Vec<&Value> = schemas.iter().flat_map(|schema| self.parts(schema)).collect();
        // What says nothing of its fields may have any.
        let names_fields = schemas.iter().any(|schema| schema.get("properties").is_some());
        if !names_fields && value.is_object()
            || schemas.iter().any(|schema| schema.get("additionalProperties").is_some_and(Value::is_object))
        {
            return;
        }
        for (name, field) in value.as_object().into_iter().flatten() {
            let described: Vec<_> = schemas.iter().filter_map(|schema| schema.get("properties")?.get(name)).collect();
            if described.is_empty() {
                problems.push(format!("{at}/{name} is not in the schema"));
            }
            self.find_undescribed(&described, field, &format!("{at}/{name}"), problems);
        }
        let items: Vec<_> = schemas.iter().filter_map(|schema| schema.get("items")).collect();
        for (index, item) in value.as_array().into_iter().flatten().enumerate() {
            self.find_undescribed(&items, item, &format!("{at}/{index}"), problems);
        }
    }

    /// A schema and those that it is put together from.
    fn parts<'a>(&'a self, schema: &'a Value) -> Vec<&'a Value> {
        let schema = self.resolved(schema);
        let parts = ["allOf", "oneOf"].iter().filter_map(|keyword| schema.get(keyword)?.as_array()).flatten();
        std::iter::once(schema).chain(parts.flat_map(|part| self.parts(part))).collect()
    }
}

/// Whether a path has the form of one with `{parameters}`.
fn is_of(template: &str, path: &str) -> bool {
    if template == "/api/documents/{path}" {
        return path.starts_with("/api/documents/");
    }
    let (mut expected, mut segments) = (template.split('/'), path.split('/'));
    loop {
        match (expected.next(), segments.next()) {
            (None, None) => return true,
            (Some(expected), Some(segment)) if expected == segment => {}
            (Some(expected), Some(segment)) if expected.starts_with('{') && !segment.is_empty() => {}
            _ => return false,
        }
    }
}

fn is_of_type(value: &Value, expected: &Value) -> bool {
    match expected.as_str().unwrap_or_default() {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => false,
    }
}

/// Whether it is a time as every answer has it: `2026-01-31T12:00:00.000Z`.
fn is_time(text: &str) -> bool {
    let form = "dddd-dd-ddTdd:dd:dd.dddZ";
    text.len() == form.len()
        && text.chars().zip(form.chars()).all(|(letter, expected)| match expected {
            'd' => letter.is_ascii_digit(),
            expected => letter == expected,
        })
}

fn is_key(text: &str) -> bool {
    let is_of_key = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-';
    text.len() <= 63 && text.starts_with(|letter: char| letter.is_ascii_lowercase()) && text.chars().all(is_of_key)
}

/// The names of the error codes that a description explains.
pub fn explained_codes(description: &str) -> BTreeSet<&str> {
    let lines = description.lines().map(|line| line.strip_prefix("- ").unwrap_or(line));
    lines.filter_map(|line| line.strip_prefix('`')?.split_once("`: ").map(|(code, _)| code)).collect()
}
