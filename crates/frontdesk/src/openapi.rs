//! The parts of the OpenAPI document that are the same for every component: its head, how one signs in, the refusals that come
//! with an extractor, and what each error code means.
//!
//! A component names the codes of a response, a line each; [`complete`] adds their meanings. So a code means the same wherever it
//! is, and its meaning is compiled into no component.

use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{Operation, Parameter, PathItem};
use utoipa::openapi::request_body::RequestBody;
use utoipa::openapi::schema::{AdditionalProperties, ArrayItems};
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, Flow, HttpAuthScheme, HttpBuilder, OAuth2, Password, Scopes, SecurityRequirement,
    SecurityScheme,
};
use utoipa::openapi::tag::{Tag, TagBuilder};
use utoipa::openapi::{
    Content, InfoBuilder, License, OpenApi, OpenApiBuilder, Ref, RefOr, Response, ResponseBuilder, Schema,
};
use utoipa::{IntoResponses, OpenApi as _};

use crate::error::ErrorBody;

/// The name under which operations ask for an access token.
pub const BEARER: &str = "bearer";
/// The name under which they say that a browser sends it in a cookie instead.
const COOKIE: &str = "cookie";
/// The name under which the operation that goes on with a session asks for its refresh token.
pub const REFRESH_COOKIE: &str = "refresh_cookie";
/// The name under which a tool, or the viewer, is told how to get that token by itself.
const PASSWORD: &str = "password";

/// What is true of every operation; the table of the error codes follows.
const DESCRIPTION: &str = "
Frontdesk is the gateway to a company's business apps. It signs people in, decides who may use which app, and forwards
requests to the services behind it.

## Signing in

- A browser signs in with `POST /api/auth/session`. The tokens are then in cookies that no script can read.
- Any other client signs in with `POST /api/auth/login` and sends `Authorization: Bearer <access_token>`. The header wins over
  a cookie.
- `POST /api/auth/refresh` returns new tokens when the access token has expired.
- A request that changes something and is authenticated by a cookie must come from a page of this site. Otherwise the response
  is 403 `csrf`.

## Requests and responses

- Bodies are JSON in UTF-8. A request body has at most 1 MiB, except below `/api/documents`.
- Ids are UUIDs. Times are RFC 3339 in UTC with milliseconds, for example `2026-01-31T12:00:00.000Z`.
- A schema with `additionalProperties: false` rejects unknown fields. Every other schema ignores them.
- An update changes only the fields that are present. `null` clears a field that can be cleared.
- A path with one slash too many at its end returns 307 to the path without it.
- `HEAD` works wherever `GET` does.
- Every response has the header `x-request-id`: the one of the request if that is 1 to 64 characters of `[A-Za-z0-9._-]`, else
  a new one.

## Lists

- A list is a JSON array. A list with the parameters `limit` and `cursor` is returned in pages.
- The header `link` of a page contains the URL of the next page. It is missing on the last page.
- The header `x-total-count` is the number of all items, or `10000+` if there are more than 10,000.

## Errors

Every error response is an `ErrorBody`. Its `code` is stable. A path that does not exist returns 404 `not_found`. A method
that a path does not have returns 405 `method_not_allowed`; the header `allow` lists the methods that it has.

";

/// What the tags group, in the order of their names.
const TAGS: [(&str, &str); 10] = [
    ("admin", "Manage users and their sessions, and read the audit log. Only for admins."),
    ("apps", "Find the apps that the caller may use. Admins manage the apps, and who may use them."),
    ("auth", "Register, sign in and out, and manage one's own sessions and password."),
    ("documents", "The documents service, behind Frontdesk. Only for users of the app `documents`."),
    ("groups", "Manage groups and their members. Only for admins."),
    ("ops", "Check the state of the installation, and read its documentation. Open to everybody."),
    ("profile", "What users say about themselves."),
    ("services", "The health of the services behind Frontdesk."),
    ("settings", "Settings that admins change, and that the services behind Frontdesk read."),
    ("users", "The user who is signed in."),
];

/// A `code` that an error response can have.
#[derive(Clone, Copy, Debug)]
pub struct ErrorCode {
    /// The status that it comes with.
    pub status: u16,
    /// The code.
    pub code: &'static str,
    /// What it means: a phrase without a full stop.
    pub meaning: &'static str,
}

const fn error(status: u16, code: &'static str, meaning: &'static str) -> ErrorCode {
    ErrorCode { status, code, meaning }
}

/// Every error code, by status and name.
pub const ERROR_CODES: [ErrorCode; 40] = [
    error(400, "bad_path", "the path or the header `destination` would leave the proxied prefix"),
    error(400, "incomplete_body", "the body did not arrive whole"),
    error(400, "length_required", "a GET or HEAD through the proxy has a body without `content-length`"),
    error(400, "reset_token_invalid", "the reset token is wrong, used or expired"),
    error(400, "unsupported_grant_type", "`grant_type` is not `password`"),
    error(401, "invalid_credentials", "the e-mail address or the password is wrong, or the account may not sign in"),
    error(401, "invalid_token", "the token cannot be verified"),
    error(401, "not_authenticated", "no credentials were sent"),
    error(401, "refresh_reused", "an old refresh token was used again; its session has ended"),
    error(401, "session_ended", "the session has ended, or its account is inactive or deleted"),
    error(401, "token_expired", "the access token has expired; refresh it"),
    error(403, "admin_required", "only admins may do this"),
    error(403, "app_not_granted", "the caller may not use this app"),
    error(403, "csrf", "a page of another site sent the request"),
    error(403, "password_change_required", "the password must be changed first, with `POST /api/auth/password/change`"),
    error(403, "registration_closed", "sign-up is closed"),
    error(404, "app_not_found", "no app has this key"),
    error(404, "group_not_found", "no group has this id"),
    error(404, "membership_not_found", "the user is not in the group, or one of them does not exist"),
    error(404, "not_found", "this path does not exist"),
    error(404, "session_not_found", "the user has no live session with this id"),
    error(404, "user_not_found", "no user has this id"),
    error(405, "method_not_allowed", "the path has other methods; the header `allow` lists them"),
    error(409, "app_key_taken", "another app has this key"),
    error(409, "email_taken", "another account has this e-mail address"),
    error(409, "group_name_taken", "another group has this name"),
    error(409, "last_admin", "no active admin would be left"),
    error(409, "user_inactive", "the account is inactive"),
    error(413, "body_too_large", "the body has more than 1 MiB"),
    error(413, "upload_too_large", "the upload is over the limit for documents"),
    error(415, "unsupported_media_type", "the operation does not read bodies of this `content-type`"),
    error(422, "validation_error", "parameters or fields are missing or malformed; `detail` lists each"),
    error(422, "wrong_password", "the current password in the body is wrong"),
    error(429, "rate_limited", "too many tries; `retry-after` says when the next one is possible"),
    error(500, "internal_error", "Frontdesk has failed; its log says why"),
    error(502, "upstream_unavailable", "the service behind cannot be reached, or broke off the connection"),
    error(503, "not_configured", "variables are missing or wrong; the log and `/readyz` name them"),
    error(503, "not_ready", "something is missing; `detail` names it"),
    error(
        503,
        "unavailable",
        "the database or another service does not respond; try again after `retry-after` seconds",
    ),
    error(504, "upstream_timeout", "the service behind did not respond in time"),
];

#[derive(utoipa::OpenApi)]
#[openapi(components(schemas(ErrorBody)))]
struct Shared;

/// The document without any path.
pub fn document(version: &str) -> OpenApi {
    let info = InfoBuilder::new()
        .title("Frontdesk")
        .description(Some(description()))
        .license(Some(License::new("Apache-2.0")))
        .version(version)
        .build();
    let mut components = Shared::openapi().components.unwrap_or_default();
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .bearer_format("JWT")
        .description(Some("The access token that `POST /api/auth/login` returns."))
        .build();
    components.add_security_scheme(BEARER, SecurityScheme::Http(bearer));
    let tag = |(name, description)| TagBuilder::new().name(name).description(Some(description)).build();
    let tags: Vec<Tag> = TAGS.into_iter().map(tag).collect();
    OpenApiBuilder::new().info(info).components(Some(components)).tags(Some(tags)).build()
}

fn description() -> String {
    let row = |ErrorCode { status, code, meaning }| format!("| {status} | `{code}` | {meaning} |\n");
    let rows: String = ERROR_CODES.into_iter().map(row).collect();
    format!("{DESCRIPTION}| Status | `code` | Meaning |\n|---|---|---|\n{}", rows.trim_end())
}

/// Adds what no component has to say of its operations. To be called with the document of all components.
pub fn complete(document: &mut OpenApi) {
    offer_cookie(document);
    offer_password_flow(document);
    name_headers(document);
    explain_codes(document);
    each_text(document, |text| *text = unwrapped(text));
}

/// Says which headers come with a status, and which with a page of a list.
fn name_headers(document: &mut OpenApi) {
    for operation in document.paths.paths.values_mut().flat_map(operations) {
        let has_pages = has_pages(operation);
        for (status, response) in &mut operation.responses.responses {
            let RefOr::T(Response { description, headers, .. }) = response else { continue };
            let names = |code: &str| description.contains(code);
            let mut say = |name: &str, description: &str| {
                let header = HeaderBuilder::new().description(Some(description)).build();
                headers.entry(name.to_owned()).or_insert(header.into());
            };
            say("x-request-id", "The id of the request in the log.");
            match status.as_str() {
                "200" if has_pages => {
                    say("link", "The URL of the next page: `</path?...>; rel=\"next\"`. Missing on the last page.");
                    say("x-total-count", "The number of all items; `10000+` if there are more than 10,000.");
                }
                "401" => {
                    say("www-authenticate", "Always `Bearer`.");
                    if names("`session_ended`") {
                        say("set-cookie", "Clears the access and the refresh cookie if their session has ended.");
                    }
                }
                "429" => {
                    say("retry-after", "The seconds until the next try is possible.");
                    say("ratelimit-limit", "The number of tries that the limit allows.");
                    say("ratelimit-remaining", "The number of tries that are left: always `0`.");
                    say("ratelimit-reset", "The seconds until the next try is possible.");
                }
                "503" if names("`unavailable`") => {
                    say("retry-after", "The seconds after which a retry makes sense. Only with `unavailable`.");
                }
                _ => {}
            }
        }
    }
}

fn has_pages(operation: &Operation) -> bool {
    let is_cursor = |parameter: &RefOr<Parameter>| matches!(parameter, RefOr::T(it) if it.name == "cursor");
    operation.parameters.iter().flatten().any(is_cursor)
}

/// Offers OAuth2's password flow with every operation that asks for an access token, so that a tool can sign in with e-mail and
/// password.
fn offer_password_flow(document: &mut OpenApi) {
    let flow = Flow::Password(Password::new("/api/auth/login", Scopes::new()));
    let scheme = OAuth2::with_description(
        [flow],
        "Signs in with e-mail address and password. No client id or secret is needed.",
    );
    let components = document.components.get_or_insert_default();
    components.add_security_scheme(PASSWORD, SecurityScheme::OAuth2(scheme));
    let (bearer, password) = (requirement(BEARER), requirement(PASSWORD));
    let alternatives = document.paths.paths.values_mut().flat_map(operations).filter_map(|it| it.security.as_mut());
    for alternatives in alternatives.filter(|alternatives| alternatives.contains(&bearer)) {
        alternatives.push(password.clone());
    }
}

/// Offers the cookie of a browser's session with every operation that asks for an access token, and says with those that change
/// something that no page of another site may use it.
fn offer_cookie(document: &mut OpenApi) {
    let cookie =
        |name: &str, text: &str| SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::with_description(name, text)));
    let components = document.components.get_or_insert_default();
    let access = "The access token, in the cookie that `POST /api/auth/session` sets. Its name is `fd_access` if the operator \
        has turned `cookie_secure` off. A request that changes something must come from a page of this site, else the response \
        is 403 `csrf`.";
    components.add_security_scheme(COOKIE, cookie("__Host-fd_access", access));
    let refresh = "The refresh token, in the cookie that `POST /api/auth/session` sets. Its name is `fd_refresh` if the operator \
        has turned `cookie_secure` off.";
    components.add_security_scheme(REFRESH_COOKIE, cookie("__Host-fd_refresh", refresh));
    for path in document.paths.paths.values_mut() {
        for operation in operations(path).filter(|operation| asks_for_an_access_token(operation)) {
            operation.security.get_or_insert_default().push(requirement(COOKIE));
        }
        let PathItem { put, post, delete, patch, .. } = path;
        let changes = [put, post, delete, patch].into_iter().flatten();
        changes.filter(|operation| asks_for_an_access_token(operation)).for_each(refuse_other_sites);
    }
}

fn asks_for_an_access_token(operation: &Operation) -> bool {
    operation.security.as_ref().is_some_and(|alternatives| alternatives.contains(&requirement(BEARER)))
}

fn refuse_other_sites(operation: &mut Operation) {
    let refusals = operation.responses.responses.entry("403".to_owned());
    let refusal = refusals.or_insert_with(|| {
        let body = Content::new(Some(Ref::from_schema_name("ErrorBody")));
        RefOr::T(ResponseBuilder::new().content("application/json", body).build())
    });
    if let RefOr::T(Response { description, .. }) = refusal {
        *description = format!("{description}\n`csrf`").trim_start().to_owned();
    }
}

/// Adds the meanings of the error codes that responses name.
fn explain_codes(document: &mut OpenApi) {
    let responses = document.paths.paths.values_mut().flat_map(operations).flat_map(|it| &mut it.responses.responses);
    for (status, response) in responses {
        if let RefOr::T(response) = response
            && status.parse::<u16>().is_ok_and(|status| status >= 400)
        {
            response.description = explained(&response.description);
        }
    }
}

/// Codes with their meanings: a sentence for one, a list of several. A line that says more than a code stays as it is.
fn explained(codes: &str) -> String {
    let line = |line: &str| {
        let known = ERROR_CODES.iter().find(|known| line == format!("`{}`", known.code));
        known.map_or_else(|| line.to_owned(), |known| format!("{line}: {}.", known.meaning))
    };
    let lines: Vec<String> = codes.lines().map(str::trim).map(line).collect();
    match lines.as_slice() {
        [one] => one.clone(),
        several => several.iter().map(|line| format!("- {line}")).collect::<Vec<_>>().join("\n"),
    }
}

/// A text in which only paragraphs and items of lists begin on a new line: the viewer breaks a line wherever the text does.
fn unwrapped(text: &str) -> String {
    let mut unwrapped = String::new();
    for line in text.lines().map(str::trim) {
        let begins = line.is_empty() || unwrapped.ends_with('\n') || line.starts_with("- ") || line.starts_with('|');
        if !unwrapped.is_empty() {
            unwrapped.push(if begins { '\n' } else { ' ' });
        }
        unwrapped.push_str(line);
    }
    unwrapped
}

/// Changes every text that may have several lines.
fn each_text(document: &mut OpenApi, change: impl Fn(&mut String)) {
    document.info.description.iter_mut().for_each(&change);
    for operation in document.paths.paths.values_mut().flat_map(operations) {
        operation.description.iter_mut().for_each(&change);
        for parameter in operation.parameters.iter_mut().flatten() {
            let RefOr::T(parameter) = parameter else { continue };
            parameter.description.iter_mut().for_each(&change);
        }
        if let Some(RefOr::T(RequestBody { description, .. })) = &mut operation.request_body {
            description.iter_mut().for_each(&change);
        }
        for response in operation.responses.responses.values_mut() {
            let RefOr::T(response) = response else { continue };
            change(&mut response.description);
        }
    }
    let schemas = document.components.iter_mut().flat_map(|components| components.schemas.values_mut());
    schemas.for_each(|schema| each_text_of(schema, &change));
}

fn each_text_of(schema: &mut RefOr<Schema>, change: &impl Fn(&mut String)) {
    let schema = match schema {
        RefOr::Ref(reference) => return change(&mut reference.description),
        RefOr::T(schema) => schema,
    };
    let (description, parts): (_, Vec<&mut RefOr<Schema>>) = match schema {
        Schema::Object(object) => {
            let others = match object.additional_properties.as_deref_mut() {
                Some(AdditionalProperties::RefOr(schema)) => Some(schema),
                Some(AdditionalProperties::FreeForm(_)) | None => None,
            };
            (&mut object.description, object.properties.values_mut().chain(others).collect())
        }
        Schema::Array(array) => {
            let items = match &mut array.items {
                ArrayItems::RefOrSchema(schema) => Some(schema.as_mut()),
                ArrayItems::False => None,
            };
            (&mut array.description, items.into_iter().collect())
        }
        Schema::OneOf(one_of) => (&mut one_of.description, one_of.items.iter_mut().collect()),
        Schema::AllOf(all_of) => (&mut all_of.description, all_of.items.iter_mut().collect()),
        Schema::AnyOf(any_of) => (&mut any_of.description, any_of.items.iter_mut().collect()),
        // A kind of schema that utoipa adds is left as it is.
        _ => return,
    };
    description.iter_mut().for_each(change);
    parts.into_iter().for_each(|part| each_text_of(part, change));
}

fn requirement(scheme: &str) -> SecurityRequirement {
    SecurityRequirement::new(scheme, [""; 0])
}

fn operations(path: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let PathItem { get, put, post, delete, options, head, patch, trace, query, .. } = path;
    [get, put, post, delete, options, head, patch, trace, query].into_iter().flatten()
}

/// What a route that asks for [`crate::access::SignedIn`] may refuse.
#[derive(IntoResponses)]
pub enum SignedInRefusals {
    /// `not_authenticated`
    /// `invalid_token`
    /// `token_expired`
    /// `session_ended`
    #[response(status = 401)]
    Unauthenticated(ErrorBody),
    /// `password_change_required`
    #[response(status = 403)]
    Forbidden(ErrorBody),
}

/// What a route that asks for [`crate::access::AnySignedIn`] may refuse.
#[derive(IntoResponses)]
pub enum AnySignedInRefusals {
    /// `not_authenticated`
    /// `invalid_token`
    /// `token_expired`
    /// `session_ended`
    #[response(status = 401)]
    Unauthenticated(ErrorBody),
}

/// What a route that asks for [`crate::access::Admin`] may refuse.
#[derive(IntoResponses)]
pub enum AdminRefusals {
    /// `not_authenticated`
    /// `invalid_token`
    /// `token_expired`
    /// `session_ended`
    #[response(status = 401)]
    Unauthenticated(ErrorBody),
    /// `password_change_required`
    /// `admin_required`
    #[response(status = 403)]
    Forbidden(ErrorBody),
}

/// What a route that asks for [`crate::access::Program`] may refuse.
#[derive(IntoResponses)]
pub enum ProgramRefusals {
    /// `not_authenticated`
    /// `invalid_token`
    #[response(status = 401)]
    Unauthenticated(ErrorBody),
}

/// What a route that asks for [`crate::access::Anonymous`] may refuse.
#[derive(IntoResponses)]
pub enum AnonymousRefusals {
    /// `csrf`
    #[response(status = 403)]
    Forbidden(ErrorBody),
}

/// What a route with parameters in its path or query may refuse.
#[derive(IntoResponses)]
pub enum QueryRefusals {
    /// `validation_error`
    #[response(status = 422)]
    Invalid(ErrorBody),
}

/// What a route with a body may refuse.
#[derive(IntoResponses)]
pub enum BodyRefusals {
    /// `incomplete_body`
    #[response(status = 400)]
    Incomplete(ErrorBody),
    /// `body_too_large`
    #[response(status = 413)]
    TooLarge(ErrorBody),
    /// `unsupported_media_type`
    #[response(status = 415)]
    UnsupportedMediaType(ErrorBody),
    /// `validation_error`
    #[response(status = 422)]
    Invalid(ErrorBody),
}

/// What a route may refuse whose tries are counted.
#[derive(IntoResponses)]
pub enum LimitRefusals {
    /// `rate_limited`
    #[response(status = 429)]
    Limited(ErrorBody),
}

/// What a route that needs the database may fail with.
#[derive(IntoResponses)]
pub enum Failures {
    /// `internal_error`
    #[response(status = 500)]
    Internal(ErrorBody),
    /// `not_configured`
    /// `unavailable`
    #[response(status = 503)]
    Unavailable(ErrorBody),
}
