//! The parts of the OpenAPI document that are the same for every component: its head, how one signs in, and the refusals that
//! come with an extractor.

use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, Flow, HttpAuthScheme, HttpBuilder, OAuth2, Password, Scopes, SecurityRequirement,
    SecurityScheme,
};
use utoipa::openapi::{Content, InfoBuilder, License, OpenApi, OpenApiBuilder, Ref, RefOr, Response, ResponseBuilder};
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

/// What is true of every operation.
const DESCRIPTION: &str = "The front desk of a company's business apps.

Every answer has the header `x-request-id`. Errors have one shape, `ErrorBody`. A path that is not here is 404 `not_found`, and a \
method that a path does not have 405 `method_not_allowed`, with the header `allow`; `HEAD` is answered wherever `GET` is.";

#[derive(utoipa::OpenApi)]
#[openapi(components(schemas(ErrorBody)))]
struct Shared;

/// The document without any path.
pub fn document(version: &str) -> OpenApi {
    let info = InfoBuilder::new()
        .title("Frontdesk")
        .description(Some(DESCRIPTION))
        .license(Some(License::new("Apache-2.0")))
        .version(version)
        .build();
    let mut components = Shared::openapi().components.unwrap_or_default();
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .bearer_format("JWT")
        .description(Some("The access token of POST /api/auth/login."))
        .build();
    components.add_security_scheme(BEARER, SecurityScheme::Http(bearer));
    OpenApiBuilder::new().info(info).components(Some(components)).build()
}

/// Says of the answers of all components which headers come with their status. To be called with the document of all components.
pub fn name_headers(document: &mut OpenApi) {
    let responses = document.paths.paths.values_mut().flat_map(operations).flat_map(|it| &mut it.responses.responses);
    for (status, response) in responses {
        let RefOr::T(response) = response else { continue };
        let mut say = |name: &str, description: &str| {
            let header = HeaderBuilder::new().description(Some(description)).build();
            response.headers.entry(name.to_owned()).or_insert(header.into());
        };
        say("x-request-id", "Finds the request in the log.");
        match status.as_str() {
            "401" => say("www-authenticate", "`Bearer`."),
            "429" => {
                say("retry-after", "In seconds.");
                say("ratelimit-limit", "How many tries are let through.");
                say("ratelimit-remaining", "How many are left: none.");
                say("ratelimit-reset", "In how many seconds the next one is let through.");
            }
            "503" => say("retry-after", "In seconds, with `unavailable`."),
            _ => {}
        }
    }
}

/// Offers OAuth2's password flow with every operation that asks for an access token, so that a tool can sign in with e-mail and
/// password. To be called with the document of all components: none of them has to say it again.
pub fn offer_password_flow(document: &mut OpenApi) {
    let flow = Flow::Password(Password::new("/api/auth/login", Scopes::new()));
    let scheme = OAuth2::with_description([flow], "E-mail address and password. No client id or secret is needed.");
    let components = document.components.get_or_insert_default();
    components.add_security_scheme(PASSWORD, SecurityScheme::OAuth2(scheme));
    let (bearer, password) = (requirement(BEARER), requirement(PASSWORD));
    let alternatives = document.paths.paths.values_mut().flat_map(operations).filter_map(|it| it.security.as_mut());
    for alternatives in alternatives.filter(|alternatives| alternatives.contains(&bearer)) {
        alternatives.push(password.clone());
    }
}

/// Offers the cookie of a browser's session with every operation that asks for an access token, and says with those that change
/// something that no page of another site may use it. To be called with the document of all components, as before.
pub fn offer_cookie(document: &mut OpenApi) {
    let cookie =
        |name: &str, text: &str| SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::with_description(name, text)));
    let components = document.components.get_or_insert_default();
    let access = "Set by POST /api/auth/session; called fd_access where cookie_secure is false. What changes something must be \
        sent by a page of this site: else it is 403 `csrf`.";
    components.add_security_scheme(COOKIE, cookie("__Host-fd_access", access));
    let refresh = "Set by POST /api/auth/session; called fd_refresh where cookie_secure is false.";
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
        let others = std::mem::take(description);
        *description = format!("{others} `csrf`: a page of another site sent the cookie.").trim_start().to_owned();
    }
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
    /// `not_authenticated`, `invalid_token`, `token_expired` or `session_ended`.
    #[response(status = 401)]
    Unauthenticated(ErrorBody),
    /// `password_change_required`.
    #[response(status = 403)]
    Forbidden(ErrorBody),
}

/// What a route that asks for [`crate::access::AnySignedIn`] may refuse.
#[derive(IntoResponses)]
pub enum AnySignedInRefusals {
    /// `not_authenticated`, `invalid_token`, `token_expired` or `session_ended`.
    #[response(status = 401)]
    Unauthenticated(ErrorBody),
}

/// What a route that asks for [`crate::access::Admin`] may refuse.
#[derive(IntoResponses)]
pub enum AdminRefusals {
    /// `not_authenticated`, `invalid_token`, `token_expired` or `session_ended`.
    #[response(status = 401)]
    Unauthenticated(ErrorBody),
    /// `admin_required` or `password_change_required`.
    #[response(status = 403)]
    Forbidden(ErrorBody),
}

/// What a route with parameters in its path or query may refuse.
#[derive(IntoResponses)]
pub enum QueryRefusals {
    /// `validation_error`: `detail` lists every refused parameter.
    #[response(status = 422)]
    Invalid(ErrorBody),
}

/// What a route with a body may refuse.
#[derive(IntoResponses)]
pub enum BodyRefusals {
    /// `incomplete_body`.
    #[response(status = 400)]
    Incomplete(ErrorBody),
    /// `body_too_large`: over 1 MiB.
    #[response(status = 413)]
    TooLarge(ErrorBody),
    /// `unsupported_media_type`.
    #[response(status = 415)]
    UnsupportedMediaType(ErrorBody),
    /// `validation_error`: `detail` lists every refused field.
    #[response(status = 422)]
    Invalid(ErrorBody),
}

/// What a route may refuse whose tries are counted.
#[derive(IntoResponses)]
pub enum LimitRefusals {
    /// `rate_limited`: too many tries; `retry-after` says when the next one is let through.
    #[response(status = 429)]
    Limited(ErrorBody),
}

/// What a route that needs the database may fail with.
#[derive(IntoResponses)]
pub enum Failures {
    /// `internal_error`.
    #[response(status = 500)]
    Internal(ErrorBody),
    /// `unavailable` (try again after `retry-after` seconds) or `not_configured`.
    #[response(status = 503)]
    Unavailable(ErrorBody),
}
