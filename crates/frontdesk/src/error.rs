//! Everything that can go wrong, and its one mapping to an answer.
//!
//! The text for people is fixed per variant or given as `&'static str`; what went wrong inside is kept in a [`Cause`], which
//! is logged and cannot be turned into an answer.

use std::panic::Location;

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::variables::Problem;

/// The result of a handler.
pub type Result<T> = std::result::Result<T, Error>;

/// An operation that was refused or failed.
#[derive(Clone, Debug)]
pub enum Error {
    /// 400: the request makes no sense, with a stable code and a text for people.
    BadRequest(&'static str, &'static str),
    /// 401: who is calling is not known, with a stable code and a text for people.
    Unauthenticated(&'static str, &'static str),
    /// 401: the session is over, with a stable code and a text for people. Cookies that the request came with are cleared.
    SignedOut(&'static str, &'static str),
    /// 403: who is calling may not do this, with a stable code and a text for people.
    Forbidden(&'static str, &'static str),
    /// 404 `not_found`: there is no such route.
    RouteNotFound,
    /// 404: there is no such thing, with a stable code and a text for people.
    NotFound(&'static str, &'static str),
    /// 405 `method_not_allowed`: the route has other methods; the `allow` header names them.
    MethodNotAllowed,
    /// 409: it contradicts what is stored, with a stable code and a text for people.
    Conflict(&'static str, &'static str),
    /// 413 `body_too_large`: the body is over the limit.
    BodyTooLarge,
    /// 413 `upload_too_large`: the upload is over the limit that administrators set.
    UploadTooLarge,
    /// 415 `unsupported_media_type`: the body is of a type that the route does not read.
    UnsupportedMediaType,
    /// 422 `validation_error`: fields are missing or malformed, each named.
    Invalid(Vec<FieldError>),
    /// 422 `wrong_password`: the field of this name holds another password than the account has.
    WrongPassword(&'static str),
    /// 429 `rate_limited`: there were too many tries.
    RateLimited(RateLimit),
    /// 500 `internal_error`: a mistake of ours, logged with its cause.
    Internal(Cause),
    /// 502 `upstream_unavailable`: the service behind cannot be reached, or broke off.
    UpstreamUnavailable(Cause),
    /// 504 `upstream_timeout`: the service behind does not answer.
    UpstreamTimeout,
    /// 503 `not_ready`: `/readyz` names what is missing.
    NotReady(Vec<Problem>),
    /// 503 `not_configured`: this component cannot work with the variables that it was given. The log and `/readyz` name them.
    NotConfigured(Vec<Problem>),
    /// 503 `unavailable`: a service that we need does not answer; trying again may help.
    Unavailable(Cause),
}

/// A limit on tries that was reached.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct RateLimit {
    /// How many tries it allows.
    pub limit: i32,
    /// In how many seconds the next try is let through.
    pub retry_after: i32,
}

/// What went wrong inside, and where: for the log only.
#[derive(Clone, Debug)]
pub struct Cause {
    text: String,
    location: &'static Location<'static>,
}

impl Cause {
    /// The log's text.
    pub(crate) fn to_log(&self) -> String {
        format!("{} ({}:{})", self.text, self.location.file(), self.location.line())
    }
}

impl Error {
    /// A mistake of ours, with what the log should say.
    #[track_caller]
    pub fn internal(cause: impl std::fmt::Display) -> Self {
        Self::Internal(Cause { text: cause.to_string(), location: Location::caller() })
    }

    /// A service that does not answer, with what the log should say.
    #[track_caller]
    pub fn unavailable(cause: impl std::fmt::Display) -> Self {
        Self::Unavailable(Cause { text: cause.to_string(), location: Location::caller() })
    }

    /// A service behind that cannot be reached, with what the log should say.
    #[track_caller]
    pub fn upstream_unavailable(cause: impl std::fmt::Display) -> Self {
        Self::UpstreamUnavailable(Cause { text: cause.to_string(), location: Location::caller() })
    }

    /// One field of the body is malformed.
    pub fn invalid(field: &str, kind: &str, message: &str) -> Self {
        Self::Invalid(vec![FieldError::body(field, kind, message)])
    }

    /// The answer's status.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::BadRequest(..) => StatusCode::BAD_REQUEST,
            Self::Unauthenticated(..) | Self::SignedOut(..) => StatusCode::UNAUTHORIZED,
            Self::Forbidden(..) => StatusCode::FORBIDDEN,
            Self::RouteNotFound | Self::NotFound(..) => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::Conflict(..) => StatusCode::CONFLICT,
            Self::BodyTooLarge | Self::UploadTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Invalid(_) | Self::WrongPassword(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::RateLimited(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
            Self::UpstreamUnavailable(_) => StatusCode::BAD_GATEWAY,
            Self::UpstreamTimeout => StatusCode::GATEWAY_TIMEOUT,
            Self::NotReady(_) | Self::NotConfigured(_) | Self::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// The stable code that clients may match.
    pub fn code(&self) -> &'static str {
        match self {
            Self::BadRequest(code, _)
            | Self::Unauthenticated(code, _)
            | Self::SignedOut(code, _)
            | Self::Forbidden(code, _)
            | Self::NotFound(code, _)
            | Self::Conflict(code, _) => code,
            Self::RouteNotFound => "not_found",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::BodyTooLarge => "body_too_large",
            Self::UploadTooLarge => "upload_too_large",
            Self::UnsupportedMediaType => "unsupported_media_type",
            Self::Invalid(_) => "validation_error",
            Self::WrongPassword(_) => "wrong_password",
            Self::RateLimited(_) => "rate_limited",
            Self::Internal(_) => "internal_error",
            Self::UpstreamUnavailable(_) => "upstream_unavailable",
            Self::UpstreamTimeout => "upstream_timeout",
            Self::NotReady(_) => "not_ready",
            Self::NotConfigured(_) => "not_configured",
            Self::Unavailable(_) => "unavailable",
        }
    }

    /// The `detail` of the answer.
    pub(crate) fn detail(&self) -> Detail {
        let text = match self {
            Self::Invalid(fields) => return Detail::Fields(fields.clone()),
            Self::WrongPassword(field) => {
                return Detail::Fields(vec![FieldError::body(field, "wrong_password", "The password is wrong")]);
            }
            Self::NotReady(problems) => {
                let problems: Vec<String> = problems.iter().map(Problem::to_string).collect();
                return Detail::Text(problems.join("; "));
            }
            Self::BadRequest(_, text)
            | Self::Unauthenticated(_, text)
            | Self::SignedOut(_, text)
            | Self::Forbidden(_, text)
            | Self::NotFound(_, text)
            | Self::Conflict(_, text) => text,
            Self::RouteNotFound => "There is no such route",
            Self::MethodNotAllowed => "This route does not take this method",
            Self::BodyTooLarge => "The body is too large",
            Self::UploadTooLarge => "The upload is too large",
            Self::UpstreamUnavailable(_) => "The service behind this does not answer; please try again",
            Self::UpstreamTimeout => "The service behind this takes too long to answer",
            Self::RateLimited(_) => "Too many tries: please wait",
            Self::UnsupportedMediaType => "The body is of a type that this route does not read",
            Self::Internal(_) => "Something went wrong on our side",
            Self::NotConfigured(_) => "This server is not fully configured: its log and /readyz say what is missing",
            Self::Unavailable(_) => "A service that this needs does not answer; please try again",
        };
        Detail::Text(text.to_owned())
    }

    /// What the log says beyond the code, if anything.
    pub(crate) fn log_detail(&self) -> Option<String> {
        match self {
            Self::Internal(cause) | Self::Unavailable(cause) | Self::UpstreamUnavailable(cause) => Some(cause.to_log()),
            Self::NotReady(problems) | Self::NotConfigured(problems) => {
                Some(problems.iter().map(Problem::to_log).collect::<Vec<_>>().join("; "))
            }
            _ => None,
        }
    }
}

/// The error travels to [`crate::Instance`], which knows the request id, as an extension of an empty response.
impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// A parameter or a field that was refused, in the form of FastAPI.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
pub struct FieldError {
    /// Where it is: `body`, `query` or `path`, then the names and indexes that lead to it.
    #[schema(value_type = Vec<Step>, example = json!(["body", "email"]))]
    pub loc: Vec<serde_json::Value>,
    /// A text for people.
    pub msg: String,
    /// What is wrong. It is stable:
    ///
    /// - `missing`: the field is required.
    /// - `extra_forbidden`: the field is unknown.
    /// - `model_type`: an object is expected.
    /// - `list_type`: a list is expected.
    /// - `string_type`: a text is expected.
    /// - `bool_type`: `true` or `false` is expected.
    /// - `int_type`: an integer is expected.
    /// - `enum`: one of the allowed values is expected.
    /// - `uuid_parsing`: a UUID is expected.
    /// - `value_error`: the value does not have the expected form.
    /// - `null_not_allowed`: `null` is not allowed.
    /// - `json_invalid`: the body is not JSON.
    /// - `form_invalid`: the form cannot be read.
    /// - `too_many_fields`: the form has more than 1,000 fields.
    /// - `string_nul`: the text contains a NUL character.
    /// - `string_control`: the text contains control characters, or line breaks where one line is expected.
    /// - `string_too_short`: the text is blank.
    /// - `string_too_long`: the text is too long.
    /// - `string_length`: the API key is too short or too long.
    /// - `string_pattern_mismatch`: the API key is not printable ASCII.
    /// - `limit_out_of_range`: `limit` is not a number from 1 to 200.
    /// - `cursor_invalid`: the cursor was not returned by this list, or in another order.
    /// - `number_out_of_range`: the number is too small or too large.
    /// - `out_of_range`: the position is too small or too large.
    /// - `key_invalid`: the key is not a letter followed by letters, digits and dashes, in lower case, at most 63 characters.
    /// - `email_invalid`: this is not an e-mail address.
    /// - `url_not_allowed`: the URL is neither `https` nor of an origin that the operator allows.
    /// - `password_too_short`: the password has fewer than 8 characters.
    /// - `password_too_long`: the password has more than 128 characters.
    /// - `password_no_upper_case`: the password has no upper-case letter.
    /// - `password_no_special`: the password has no special character.
    /// - `password_contains_test`: the password contains "test".
    /// - `password_unchanged`: the new password is the current one.
    /// - `wrong_password`: the current password is wrong.
    #[serde(rename = "type")]
    pub kind: String,
}

/// A step on the way to a field. For JSON that cannot be parsed it is the offset of the error.
#[derive(ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only its documentation is used")]
enum Step {
    /// The name of a field.
    Name(String),
    /// An index in a list, or an offset in bytes.
    Index(u64),
}

impl FieldError {
    /// A field of the body.
    pub fn body(field: &str, kind: &str, message: &str) -> Self {
        Self { loc: vec!["body".into(), field.into()], msg: message.to_owned(), kind: kind.to_owned() }
    }

    /// A parameter of the path.
    pub fn path(name: &str, kind: &str, message: &str) -> Self {
        Self { loc: vec!["path".into(), name.into()], msg: message.to_owned(), kind: kind.to_owned() }
    }

    /// A parameter of the query.
    pub fn query(name: &str, kind: &str, message: &str) -> Self {
        Self { loc: vec!["query".into(), name.into()], msg: message.to_owned(), kind: kind.to_owned() }
    }
}

/// What went wrong.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
#[serde(untagged)]
pub enum Detail {
    /// A text for people.
    Text(String),
    /// The refused parameters and fields, on 422 only.
    Fields(Vec<FieldError>),
}

/// The body of every error response.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
pub struct ErrorBody {
    /// What went wrong: a text for people; on 422 the list of the refused parameters and fields.
    pub detail: Detail,
    /// The error code. It is stable. The description of each response lists its codes.
    #[schema(example = "validation_error")]
    pub code: String,
    /// The id of the request in the log. It is also in the header `x-request-id`.
    #[schema(example = "5e2d2c53-6a3b-4d0c-9c4e-0f3f0a8f2f7a")]
    pub request_id: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_went_wrong_inside_reaches_the_log_and_no_answer() {
        for error in [Error::internal("select secret"), Error::unavailable("10.0.0.7 refused")] {
            let answer = format!("{:?}", error.detail());
            assert!(!answer.contains("secret") && !answer.contains("10.0.0.7") && !answer.contains(".rs"), "{answer}");
            assert!(error.log_detail().is_some_and(|text| text.contains("error.rs")));
        }
    }
}
