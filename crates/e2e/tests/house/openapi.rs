//! The OpenAPI document, as a reader has it: everything in it has a text, every error code a meaning, and every example the form
//! that it is an example of.

use std::collections::{BTreeMap, BTreeSet};

use e2e::{Document, explained_codes};
use frontdesk::openapi::ERROR_CODES;
use frontdesk::{Error, RateLimit};
use serde_json::{Value, json};

use crate::{assert_none, assert_same, sources};

/// How long a summary may be, in words.
const MAX_WORDS: usize = 8;

/// Looks at a document, and keeps what is wrong with it.
struct Reader<'a> {
    document: &'a Document,
    problems: Vec<String>,
}

/// What is wrong with a document.
fn problems(document: Value) -> Vec<String> {
    let document = Document::new(document);
    let mut reader = Reader { document: &document, problems: Vec::new() };
    let json = document.json();
    reader.text("the document", &json["info"]["description"]);
    for scheme in fields(&json["components"]["securitySchemes"]) {
        reader.text(&format!("the security scheme {}", scheme.0), &scheme.1["description"]);
    }
    for (name, schema) in fields(&json["components"]["schemas"]) {
        reader.schema(name, schema);
    }
    let (mut tags, mut summaries) = (BTreeSet::new(), BTreeMap::new());
    for (path, methods) in fields(&json["paths"]) {
        for (method, operation) in fields(methods) {
            let name = format!("{} {path}", method.to_uppercase());
            reader.operation(&name, operation);
            tags.extend(strings(&operation["tags"]));
            if let Some(other) = summaries.insert(operation["summary"].as_str(), name.clone()) {
                reader.problem(&name, &format!("has the summary of {other}"));
            }
        }
    }
    reader.tags(&tags);
    reader.problems
}

fn fields(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

fn strings(value: &Value) -> impl Iterator<Item = &str> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str)
}

impl Reader<'_> {
    fn problem(&mut self, whose: &str, problem: &str) {
        self.problems.push(format!("{whose} {problem}"));
    }

    /// A text of sentences.
    fn text(&mut self, whose: &str, text: &Value) {
        match text.as_str() {
            None | Some("") => self.problem(whose, "has no description"),
            Some(text) if !text.ends_with(['.', '|']) => {
                self.problem(whose, "has a description without a full stop at its end")
            }
            Some(text) if text.contains("  ") => self.problem(whose, "has a description with two spaces in a row"),
            Some(text) if is_wrapped(text) => {
                self.problem(whose, "has a description that breaks a line within a paragraph")
            }
            Some(_) => {}
        }
    }

    fn tags(&mut self, used: &BTreeSet<&str>) {
        let tags = &self.document.json()["tags"];
        let described: BTreeMap<_, _> =
            tags.as_array().into_iter().flatten().map(|tag| (tag["name"].as_str(), &tag["description"])).collect();
        for name in used {
            self.text(&format!("the tag {name}"), described.get(&Some(*name)).unwrap_or(&&Value::Null));
        }
        for name in described.keys().flatten().filter(|name| !used.contains(*name)) {
            self.problem(&format!("the tag {name}"), "is on no operation");
        }
    }

    fn operation(&mut self, name: &str, operation: &Value) {
        match operation["summary"].as_str() {
            None | Some("") => self.problem(name, "has no summary"),
            Some(summary) => {
                if summary.split_whitespace().count() > MAX_WORDS {
                    self.problem(name, "has a summary of more than eight words");
                }
                if summary.ends_with('.') || summary.contains('\n') || !summary.starts_with(char::is_uppercase) {
                    self.problem(name, "has a summary that is not a phrase without a full stop");
                }
            }
        }
        if !operation["description"].is_null() {
            self.text(name, &operation["description"]);
        }
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            let whose = format!("the parameter {} of {name}", parameter["name"]);
            self.text(&whose, &parameter["description"]);
            self.examples(&whose, parameter, &parameter["schema"]);
            self.examples(&whose, &parameter["schema"], &parameter["schema"]);
        }
        for (media_type, content) in fields(&operation["requestBody"]["content"]) {
            let whose = format!("the request body {media_type} of {name}");
            self.content(&whose, content);
            // A reader tries it with what the viewer makes of the schema.
            let schema = self.document.resolved(object(&content["schema"]));
            if media_type != "*/*" && schema["example"].is_null() {
                self.problem(&whose, "has no example");
            }
        }
        for (status, response) in fields(&operation["responses"]) {
            self.response(&format!("the response {status} of {name}"), status, response);
        }
    }

    fn content(&mut self, whose: &str, content: &Value) {
        self.examples(whose, content, &content["schema"]);
        if !content["schema"].is_null() {
            self.inline(whose, &content["schema"]);
        }
    }

    fn response(&mut self, whose: &str, status: &str, response: &Value) {
        self.text(whose, &response["description"]);
        for (name, header) in fields(&response["headers"]) {
            self.text(&format!("the header {name} of {whose}"), &header["description"]);
        }
        for (media_type, content) in fields(&response["content"]) {
            self.content(&format!("the body {media_type} of {whose}"), content);
        }
        let description = response["description"].as_str().unwrap_or_default();
        let Some(status) = status.parse::<u16>().ok().filter(|status| *status >= 400) else { return };
        let is_head = whose.contains(" of HEAD ");
        let body = &response["content"]["application/json"]["schema"]["$ref"];
        if !is_head && body != "#/components/schemas/ErrorBody" {
            self.problem(whose, "has another body than ErrorBody");
        }
        let explained = explained_codes(description);
        if explained.is_empty() {
            self.problem(whose, "names no error code");
        }
        if explained.len() != description.lines().count() {
            self.problem(whose, "has a line that is not an error code with its meaning");
        }
        for code in explained {
            match ERROR_CODES.iter().find(|known| known.code == code) {
                None => self.problem(whose, &format!("names {code}, which is not a known error code")),
                Some(known) if known.status != status => {
                    self.problem(whose, &format!("names {code}, which comes with {}", known.status));
                }
                Some(_) => {}
            }
        }
    }

    /// A schema that is described where it is defined: a component.
    fn schema(&mut self, name: &str, schema: &Value) {
        let whose = format!("the schema {name}");
        self.text(&whose, &schema["description"]);
        self.inline(&whose, schema);
    }

    /// A schema, but for its own description.
    fn inline(&mut self, whose: &str, schema: &Value) {
        self.examples(whose, schema, schema);
        for (name, property) in fields(&schema["properties"]) {
            self.property(&format!("the field {name} of {whose}"), property);
        }
        for keyword in ["oneOf", "allOf"] {
            for (index, part) in schema[keyword].as_array().into_iter().flatten().enumerate() {
                let part_of = format!("part {index} of {whose}");
                if keyword == "oneOf" && !is_nullable(schema) {
                    self.text(&part_of, &part["description"]);
                }
                self.inline(&part_of, part);
            }
        }
        self.inline_if_there(&format!("an item of {whose}"), &schema["items"]);
        self.inline_if_there(&format!("another field of {whose}"), &schema["additionalProperties"]);
        let description = schema["description"].as_str().unwrap_or_default();
        for value in strings(&schema["enum"]) {
            if !description.contains(&format!("- `{value}`: ")) {
                self.problem(whose, &format!("does not say what {value} means"));
            }
        }
    }

    fn inline_if_there(&mut self, whose: &str, schema: &Value) {
        if schema.is_object() {
            self.inline(whose, schema);
        }
    }

    fn property(&mut self, whose: &str, property: &Value) {
        let object = object(property);
        let description =
            if property["description"].is_null() { &object["description"] } else { &property["description"] };
        self.text(whose, description);
        let may_be_null = strings(&property["type"]).any(|name| name == "null") || is_nullable(property);
        if may_be_null && !description.as_str().unwrap_or_default().contains("`null`") {
            self.problem(whose, "may be null and does not say what that means");
        }
        self.inline(whose, property);
    }

    /// The examples that this gives are valid for the schema.
    fn examples(&mut self, whose: &str, of: &Value, schema: &Value) {
        let many = of["examples"].as_array().into_iter().flatten();
        let example = of.get("example");
        for example in many.chain(example) {
            for problem in self.document.problems(schema, example) {
                self.problem(whose, &format!("has an example that its schema refuses: {problem}"));
            }
        }
    }
}

/// Whether it is another schema or null.
fn is_nullable(schema: &Value) -> bool {
    schema["oneOf"].as_array().is_some_and(|alternatives| alternatives.contains(&json!({"type": "null"})))
}

/// Of a schema or null the schema.
fn object(schema: &Value) -> &Value {
    if is_nullable(schema) { &schema["oneOf"][0] } else { schema }
}

/// Whether a line ends where neither a paragraph nor an item of a list or a row of a table does.
fn is_wrapped(text: &str) -> bool {
    let lines: Vec<_> = text.lines().collect();
    let begins = |line: &str| line.is_empty() || ["- ", "|", "## "].iter().any(|start| line.starts_with(start));
    lines.windows(2).any(|pair| !pair[0].is_empty() && !begins(pair[1]))
}

fn checked_in() -> Value {
    Document::checked_in().unwrap().json().clone()
}

#[test]
fn everything_in_the_document_is_explained() {
    assert_none(&problems(checked_in()));
}

/// Where something is in the document, and what is said when it is taken away, or when this takes its place.
const FLAWS: [(&str, Option<&str>, &str); 33] = [
    ("/info/description", None, "the document has no description"),
    ("/tags/0", None, "the tag admin has no description"),
    ("/tags/0/description", None, "the tag admin has no description"),
    ("/tags/0/name", Some("people"), "the tag people is on no operation"),
    ("/components/securitySchemes/bearer/description", None, "bearer has no description"),
    (CREATE_SUMMARY, None, "POST /api/admin/groups has no summary"),
    (CREATE_SUMMARY, Some(""), "POST /api/admin/groups has no summary"),
    (CREATE_SUMMARY, Some("Create a group."), "is not a phrase without a full stop"),
    (CREATE_SUMMARY, Some("create a group"), "is not a phrase without a full stop"),
    (CREATE_SUMMARY, Some("Create a group of users who may use an app"), "more than eight words"),
    (CREATE_SUMMARY, Some("List groups"), "has the summary of GET /api/admin/groups"),
    ("/paths/~1api~1admin~1groups/get/description", Some("Half a sentence"), "without a full stop"),
    ("/paths/~1api~1admin~1groups/get/description", Some("One\nparagraph."), "breaks a line"),
    (
        "/paths/~1api~1admin~1groups/get/parameters/0/description",
        None,
        "the parameter \"limit\" of GET /api/admin/groups has no",
    ),
    (
        "/paths/~1api~1admin~1apps~1{key}/get/parameters/0/example",
        Some("Documents App"),
        "\"key\" of GET /api/admin/apps/{key} has an example",
    ),
    (
        "/paths/~1api~1admin~1groups/post/responses/201/description",
        None,
        "the response 201 of POST /api/admin/groups has no",
    ),
    (
        "/paths/~1api~1admin~1groups/post/responses/201/headers/x-request-id/description",
        None,
        "the header x-request-id of",
    ),
    (REFUSAL, None, "the response 409 of POST /api/admin/groups names no error code"),
    (REFUSAL, Some("The name is taken."), "names no error code"),
    (REFUSAL, Some("`group_name_taken`"), "names no error code"),
    (REFUSAL, Some("`group_name_taken`."), "names no error code"),
    (REFUSAL, Some("`group_taken`: another group has it."), "names group_taken, which is not a known error code"),
    (REFUSAL, Some("`group_not_found`: no group has this id."), "names group_not_found, which comes with 404"),
    (REFUSAL, Some("- `group_name_taken`: it is.\n- Or not."), "has a line that is not an error code"),
    ("/paths/~1api~1admin~1groups/post/responses/409/content", None, "has another body than ErrorBody"),
    ("/components/schemas/Group/description", None, "the schema Group has no description"),
    (
        "/components/schemas/Group/properties/name/description",
        None,
        "the field name of the schema Group has no description",
    ),
    ("/components/schemas/Group/properties/description/description", Some("A text."), "may be null and does not say"),
    ("/components/schemas/Role/description", Some("What a user may do."), "does not say what admin means"),
    (
        "/components/schemas/GroupWithMembers/allOf/1/properties/members/description",
        None,
        "the field members of part 1 of",
    ),
    (
        "/components/schemas/CreateGroup/example",
        None,
        "the request body application/json of POST /api/admin/groups has no example",
    ),
    (
        "/components/schemas/CreateGroup/example/name",
        None,
        "the schema CreateGroup has an example that its schema refuses",
    ),
    (
        "/components/schemas/CreateApp/properties/key/example",
        Some("Wiki App"),
        "the field key of the schema CreateApp has an example",
    ),
];
const CREATE_SUMMARY: &str = "/paths/~1api~1admin~1groups/post/summary";
const REFUSAL: &str = "/paths/~1api~1admin~1groups/post/responses/409/description";

#[test]
fn whatever_is_missing_is_missed() {
    for (place, replacement, expected) in FLAWS {
        let mut document = checked_in();
        let (parent, name) = place.rsplit_once('/').unwrap();
        let parent = document.pointer_mut(parent).unwrap_or_else(|| panic!("there is no {place}"));
        match (parent, replacement) {
            (Value::Object(parent), Some(text)) => {
                let before = parent.insert(name.to_owned(), text.into());
                assert!(before.is_some(), "there is no {place}");
            }
            (Value::Object(parent), None) => assert!(parent.remove(name).is_some(), "there is no {place}"),
            (Value::Array(parent), _) => drop(parent.remove(name.parse().unwrap())),
            _ => panic!("there is no {place}"),
        }
        let found = problems(document);
        assert!(
            found.iter().any(|problem| problem.contains(expected)),
            "{place}: {replacement:?} is not missed: {found:?}"
        );
    }
}

/// Where the texts of a document are, but for those that need not be there.
fn texts(value: &Value, place: &str, found: &mut Vec<String>) {
    let steps: Vec<(String, &Value)> = match value {
        Value::Object(fields) => {
            fields.iter().map(|(name, field)| (name.replace('~', "~0").replace('/', "~1"), field)).collect()
        }
        Value::Array(items) => items.iter().enumerate().map(|(index, item)| (index.to_string(), item)).collect(),
        _ => return,
    };
    // Not every operation or body has more to say than its summary or its schema does, and an example is what it is.
    let needs_none = value.get("responses").is_some() || place.ends_with("/requestBody");
    let is_optional = |name: &str| name == "example" || name == "description" && needs_none;
    for (name, field) in steps.into_iter().filter(|(name, _)| !is_optional(name)) {
        let place = format!("{place}/{name}");
        if field.is_string() && ["description", "summary"].contains(&name.as_str()) {
            found.push(place);
        } else {
            texts(field, &place, found);
        }
    }
}

#[test]
fn whichever_text_is_missing_it_is_missed() {
    let mut document = checked_in();
    // Enough of the paths: with all of them this takes long.
    let kept = ["/api/admin/groups", "/api/auth/login", "/api/documents", "/internal/settings/ai"];
    document["paths"].as_object_mut().unwrap().retain(|path, _| kept.contains(&path.as_str()));
    let tags = [json!("auth"), json!("documents"), json!("groups"), json!("settings")];
    document["tags"].as_array_mut().unwrap().retain(|tag| tags.contains(&tag["name"]));
    let already = problems(document.clone());
    let mut places = Vec::new();
    texts(&document, "", &mut places);
    assert!(places.len() > 400, "only {} texts are tried", places.len());
    for place in places {
        let mut document = document.clone();
        let (parent, name) = place.rsplit_once('/').unwrap();
        document.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(name).unwrap();
        assert!(problems(document).len() > already.len(), "{place} is not missed");
    }
}

#[test]
fn a_keyword_that_nobody_checks_is_a_problem_too() {
    let document = Document::new(json!({"components": {"schemas": {"Key": {"type": "string", "pattern": "^[a-z]$"}}}}));
    let refuses = |schema: Value, value: Value| !document.problems(&schema, &value).is_empty();
    assert!(refuses(json!({"$ref": "#/components/schemas/Key"}), json!("a")), "the pattern is not known");
    assert!(refuses(json!({"$ref": "#/components/schemas/Lock"}), json!("a")), "it refers to nothing");
    assert!(refuses(json!({"multipleOf": 2}), json!(2)));
    for (schema, good, bad) in [
        (
            json!({"type": ["integer", "null"], "minimum": 1, "maximum": 9}),
            vec![json!(1), json!(9), Value::Null],
            json!(10),
        ),
        (
            json!({"type": "string", "format": "date-time"}),
            vec![json!("2026-01-31T12:00:00.000Z")],
            json!("2026-01-31"),
        ),
        (json!({"type": "string", "format": "uuid"}), vec![json!("0191d3a0-0000-7000-8000-000000000000")], json!("7")),
        (json!({"type": "string", "minLength": 2, "maxLength": 3}), vec![json!("äö"), json!("abc")], json!("ä")),
        (json!({"type": "string", "pattern": "^[a-z][a-z0-9-]{0,62}$"}), vec![json!("a-1")], json!("1a")),
        (json!({"type": "array", "items": {"type": "string"}}), vec![json!([]), json!(["a"])], json!([1])),
        (json!({"oneOf": [{"type": "string"}, {"type": "null"}]}), vec![json!("a"), Value::Null], json!(1)),
        (json!({"allOf": [{"required": ["a"]}, {"required": ["b"]}]}), vec![json!({"a": 1, "b": 2})], json!({"a": 1})),
        (
            json!({"properties": {"a": {"enum": ["x"]}}, "additionalProperties": false}),
            vec![json!({"a": "x"})],
            json!({"b": 1}),
        ),
        (json!({"additionalProperties": {"type": "boolean"}}), vec![json!({"a": true})], json!({"a": 1})),
    ] {
        assert!(good.iter().all(|value| document.problems(&schema, value).is_empty()), "{schema}");
        assert!(refuses(schema.clone(), bad), "{schema}");
    }
}

/// The error that each constructor makes, with the status that it has.
const CONSTRUCTORS: [(&str, u16); 6] = [
    ("BadRequest", 400),
    ("Unauthenticated", 401),
    ("SignedOut", 401),
    ("Forbidden", 403),
    ("NotFound", 404),
    ("Conflict", 409),
];

/// Those that have a code of their own.
fn others() -> [Error; 14] {
    [
        Error::RouteNotFound,
        Error::MethodNotAllowed,
        Error::BodyTooLarge,
        Error::UploadTooLarge,
        Error::UnsupportedMediaType,
        Error::Invalid(Vec::new()),
        Error::WrongPassword("current_password"),
        Error::RateLimited(RateLimit { limit: 1, retry_after: 1 }),
        Error::internal("a cause"),
        Error::upstream_unavailable("a cause"),
        Error::UpstreamTimeout,
        Error::NotReady(Vec::new()),
        Error::NotConfigured(Vec::new()),
        Error::unavailable("a cause"),
    ]
}

#[test]
fn the_known_error_codes_are_those_of_the_sources() {
    let line = |error: &Error| format!("{} {}", error.status().as_u16(), error.code());
    let mut in_the_sources: BTreeSet<_> = others().iter().map(line).collect();
    for source in sources::below("components").into_iter().chain(sources::below("crates/frontdesk/src")) {
        for (constructor, status) in CONSTRUCTORS {
            for code in source.text.split(&format!("Error::{constructor}(")).skip(1) {
                in_the_sources.extend(sources::literal(code).map(|code| format!("{status} {code}")));
            }
        }
    }
    let known = ERROR_CODES.iter().map(|known| format!("{} {}", known.status, known.code)).collect();
    assert_same(["the sources", "frontdesk::openapi::ERROR_CODES"], [in_the_sources, known]);
}

#[test]
fn every_error_code_comes_with_an_operation() {
    let document = checked_in();
    let operations = fields(&document["paths"]).flat_map(|(_, methods)| fields(methods));
    let responses = operations.flat_map(|(_, operation)| fields(&operation["responses"]));
    let errors = responses.filter(|(status, _)| status.parse::<u16>().is_ok_and(|status| status >= 400));
    let descriptions = errors.filter_map(|(_, response)| response["description"].as_str());
    let named = descriptions.flat_map(explained_codes).map(str::to_owned).collect();
    // No operation of the document can return it.
    let known =
        ERROR_CODES.iter().map(|known| known.code).filter(|code| *code != "method_not_allowed").map(str::to_owned);
    assert_same(["docs/openapi.json", "frontdesk::openapi::ERROR_CODES"], [named, known.collect()]);
}

#[test]
fn the_document_lists_the_actions_of_the_audit_log() {
    let mut in_the_sources = BTreeSet::new();
    for source in sources::below("components") {
        for code in source.text.split("audit!(").skip(1) {
            let code = code.trim_start();
            let action = match code.strip_prefix("by ") {
                Some(by) => by.trim_start().split_once("\",").and_then(|(_, code)| sources::literal(code)),
                None => sources::literal(code),
            };
            in_the_sources.extend(action.map(str::to_owned));
        }
    }
    assert!(in_the_sources.len() > 20, "{in_the_sources:?}");
    let listed = strings(&checked_in()["components"]["schemas"]["AuditAction"]["enum"]).map(str::to_owned).collect();
    assert_same(["components/", "the schema AuditAction"], [in_the_sources, listed]);
}
