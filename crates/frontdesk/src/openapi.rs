//! The parts of the OpenAPI document that are the same for every component: its head, how one signs in, and the refusals that
//! come with an extractor.

use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{InfoBuilder, License, OpenApi, OpenApiBuilder};
use utoipa::{IntoResponses, OpenApi as _};

use crate::error::ErrorBody;

/// The name under which operations ask for an access token.
pub const BEARER: &str = "bearer";

#[derive(utoipa::OpenApi)]
#[openapi(components(schemas(ErrorBody)))]
struct Shared;

/// The document without any path.
pub fn document(version: &str) -> OpenApi {
    let info = InfoBuilder::new()
        .title("Frontdesk")
        .description(Some("The front desk of a company's business apps."))
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

/// What a route that asks for [`crate::access::SignedIn`] may refuse.
#[derive(IntoResponses)]
pub enum SignedInRefusals {
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
    /// `admin_required`.
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
