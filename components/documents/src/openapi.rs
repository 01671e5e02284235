//! What the OpenAPI document says of the proxy: every method, on its prefix and on whatever is below it.

use frontdesk::ErrorBody;
use frontdesk::openapi::{BEARER, Failures, SignedInRefusals};
use utoipa::openapi::path::{HttpMethod, OperationBuilder, ParameterBuilder, ParameterIn};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::security::SecurityRequirement;
use utoipa::openapi::{Content, OpenApi, OpenApiBuilder, PathsBuilder, RefOr, Required, Responses, ResponsesBuilder};
use utoipa::{IntoResponses, PartialSchema as _};

/// The prefix itself.
const ROOT: &str = "/api/documents";
/// Whatever is below it.
const BELOW: &str = "/api/documents/{path}";

/// Each with its name in an operation id.
const METHODS: [(HttpMethod, &str); 7] = [
    (HttpMethod::Get, "get"),
    (HttpMethod::Head, "head"),
    (HttpMethod::Post, "post"),
    (HttpMethod::Put, "put"),
    (HttpMethod::Patch, "patch"),
    (HttpMethod::Delete, "delete"),
    (HttpMethod::Options, "options"),
];

/// What is true of every request that is forwarded, after where it goes.
const DESCRIPTION: &str = "
The request passes with its query, headers and body. Credentials and cookies do not pass; the service learns who calls from
headers that Frontdesk adds, such as `x-user-id`. The response is that of the service, with its own status. Bodies are streamed in
both directions. A request body may be as large as the limit for documents.";

/// What the proxy may refuse or fail with.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "only its documentation is used")]
enum Refusals {
    /// The response of the documents service, with its own status.
    #[response(status = "default")]
    Forwarded,
    /// `bad_path`
    /// `incomplete_body`
    #[response(status = 400)]
    BadRequest(ErrorBody),
    /// `password_change_required`
    /// `app_not_granted`
    #[response(status = 403)]
    NotGranted(ErrorBody),
    /// `upload_too_large`
    #[response(status = 413)]
    TooLarge(ErrorBody),
    /// `upstream_unavailable`
    #[response(status = 502)]
    Unavailable(ErrorBody),
    /// `upstream_timeout`
    #[response(status = 504)]
    Timeout(ErrorBody),
}

/// What it may refuse besides where a request only reads.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "only its documentation is used")]
enum ReadRefusals {
    /// `bad_path`
    /// `incomplete_body`
    /// `length_required`
    #[response(status = 400)]
    BadRequest(ErrorBody),
}

/// The document of the routes under `/api/documents`.
pub(crate) fn document() -> OpenApi {
    let mut paths = PathsBuilder::new().build();
    for (path, suffix) in [(ROOT, "_root"), (BELOW, "")] {
        for (method, name) in METHODS {
            let operation = operation(path, &method, &format!("documents.{name}{suffix}"), &name.to_uppercase());
            paths.add_path_operation(path, vec![method], operation);
        }
    }
    OpenApiBuilder::new().paths(paths).build()
}

fn operation(path: &str, method: &HttpMethod, id: &str, name: &str) -> OperationBuilder {
    let is_below = path == BELOW;
    let (place, target) =
        if is_below { ("documents service", "/documents/{path}") } else { ("service's root", "/documents") };
    let no_body = if is_head(method) { " No response has a body, not even an error." } else { "" };
    let mut operation = OperationBuilder::new()
        .operation_id(Some(id))
        .summary(Some(format!("Forward a {name} request to the {place}")))
        .description(Some(format!("The request goes to `{target}` of the documents service.\n{DESCRIPTION}{no_body}")))
        .tag("documents")
        .security(SecurityRequirement::new(BEARER, [""; 0]))
        .responses(responses(method));
    if is_below {
        let path = ParameterBuilder::new()
            .name("path")
            .parameter_in(ParameterIn::Path)
            .required(Required::True)
            .description(Some("Any path. It may have slashes."))
            .schema(Some(String::schema()))
            .example(Some("7/content".into()));
        operation = operation.parameter(path);
    }
    if matches!(method, HttpMethod::Post | HttpMethod::Put | HttpMethod::Patch) {
        let body = RequestBodyBuilder::new().description(Some("Any body, up to the limit for documents."));
        operation = operation.request_body(Some(body.content("*/*", Content::default()).build()));
    }
    operation
}

fn responses(method: &HttpMethod) -> Responses {
    let mut responses = ResponsesBuilder::new()
        .responses_from_into_responses::<SignedInRefusals>()
        .responses_from_into_responses::<Failures>()
        .responses_from_into_responses::<Refusals>();
    if matches!(method, HttpMethod::Get | HttpMethod::Head) {
        responses = responses.responses_from_into_responses::<ReadRefusals>();
    }
    let mut responses = responses.build();
    if is_head(method) {
        for response in responses.responses.values_mut() {
            if let RefOr::T(response) = response {
                response.content.clear();
            }
        }
    }
    responses
}

fn is_head(method: &HttpMethod) -> bool {
    matches!(method, HttpMethod::Head)
}
