//! What the OpenAPI document says of the proxy: every method, on its prefix and on whatever is below it.

use frontdesk::ErrorBody;
use frontdesk::openapi::{BEARER, Failures, SignedInRefusals};
use utoipa::openapi::path::{HttpMethod, OperationBuilder, ParameterBuilder, ParameterIn};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::security::SecurityRequirement;
use utoipa::openapi::{Content, OpenApi, OpenApiBuilder, PathsBuilder, Required, ResponsesBuilder};
use utoipa::{IntoResponses, PartialSchema as _};

const METHODS: [(HttpMethod, &str); 7] = [
    (HttpMethod::Get, "get"),
    (HttpMethod::Head, "head"),
    (HttpMethod::Post, "post"),
    (HttpMethod::Put, "put"),
    (HttpMethod::Patch, "patch"),
    (HttpMethod::Delete, "delete"),
    (HttpMethod::Options, "options"),
];

/// What the proxy may refuse or fail with.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "only its documentation is used")]
enum Refusals {
    /// What the documents service answers.
    #[response(status = "default")]
    Forwarded,
    /// `bad_path`, `incomplete_body` or `length_required`.
    #[response(status = 400)]
    BadRequest(ErrorBody),
    /// `app_not_granted` or `password_change_required`.
    #[response(status = 403)]
    NotGranted(ErrorBody),
    /// `upload_too_large`.
    #[response(status = 413)]
    TooLarge(ErrorBody),
    /// `upstream_unavailable`.
    #[response(status = 502)]
    Unavailable(ErrorBody),
    /// `upstream_timeout`.
    #[response(status = 504)]
    Timeout(ErrorBody),
}

/// The document of the routes under `/api/documents`.
pub(crate) fn document() -> OpenApi {
    let mut paths = PathsBuilder::new().build();
    for (path, suffix) in [("/api/documents", "_root"), ("/api/documents/{path}", "")] {
        for (method, name) in METHODS {
            let operation = operation(&format!("documents.{name}{suffix}"), path.contains('{'), takes_body(&method));
            paths.add_path_operation(path, vec![method], operation);
        }
    }
    OpenApiBuilder::new().paths(paths).build()
}

fn takes_body(method: &HttpMethod) -> bool {
    matches!(method, HttpMethod::Post | HttpMethod::Put | HttpMethod::Patch)
}

fn operation(id: &str, has_path: bool, takes_body: bool) -> OperationBuilder {
    let responses = ResponsesBuilder::new()
        .responses_from_into_responses::<SignedInRefusals>()
        .responses_from_into_responses::<Failures>()
        .responses_from_into_responses::<Refusals>();
    let mut operation = OperationBuilder::new()
        .operation_id(Some(id))
        .tag("documents")
        .security(SecurityRequirement::new(BEARER, [""; 0]))
        .responses(responses);
    if has_path {
        let path = ParameterBuilder::new().name("path").parameter_in(ParameterIn::Path).required(Required::True);
        operation = operation.parameter(path.description(Some("Any path.")).schema(Some(String::schema())));
    }
    if takes_body {
        let body = RequestBodyBuilder::new().description(Some("Any body, up to the limit for documents."));
        operation = operation.request_body(Some(body.content("*/*", Content::default()).build()));
    }
    operation
}
