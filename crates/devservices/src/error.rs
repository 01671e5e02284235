//! Why a request is refused, and how that is told: `{"detail": "..."}`.

use std::fmt::Display;

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde_json::json;

use crate::console;

pub(crate) type Result<T> = std::result::Result<T, Error>;

/// Everything that can be wrong. What is said names no path, no address and no key.
#[derive(Debug)]
pub(crate) enum Error {
    /// 401: `x-user-id` is missing or is no UUID.
    NotSignedIn,
    /// 403.
    Forbidden(&'static str),
    /// 404: the thing is not there, or is another's.
    NotFound,
    /// 405.
    MethodNotAllowed,
    /// 400: the client went away while it was sending.
    Incomplete,
    /// 409.
    Conflict(&'static str),
    /// 413, with the limit in bytes.
    TooLarge(u64),
    /// 415, with what would be accepted.
    WrongType(&'static str),
    /// 422.
    Invalid(String),
    /// 500. The text is for the console only.
    Internal(String),
    /// 502: the provider has failed.
    Provider(String),
    /// 503: Frontdesk has not told its settings yet.
    NoSettings,
}

impl Error {
    pub(crate) fn internal(cause: impl Display) -> Self {
        Self::Internal(cause.to_string())
    }

    pub(crate) fn invalid(text: impl Into<String>) -> Self {
        Self::Invalid(text.into())
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::NotSignedIn => StatusCode::UNAUTHORIZED,
            Self::Forbidden(_) => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::Incomplete => StatusCode::BAD_REQUEST,
            Self::Conflict(_) => StatusCode::CONFLICT,
            Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::WrongType(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Provider(_) => StatusCode::BAD_GATEWAY,
            Self::NoSettings => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    fn detail(self) -> String {
        let text = match self {
            Self::NotSignedIn => "The header x-user-id must name the caller",
            Self::NotFound => "Not found",
            Self::MethodNotAllowed => "Method not allowed",
            Self::Incomplete => "The body did not arrive whole",
            Self::Forbidden(text) | Self::Conflict(text) | Self::WrongType(text) => text,
            Self::TooLarge(limit) => return format!("More than {} MiB is not accepted", limit / (1024 * 1024)),
            Self::Invalid(text) | Self::Provider(text) => return text,
            Self::Internal(cause) => {
                console::note(&format!("Error: {cause}"));
                "Something went wrong here"
            }
            Self::NoSettings => "Frontdesk does not tell its settings",
        };
        text.to_owned()
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let status = self.status();
        (status, Json(json!({ "detail": self.detail() }))).into_response()
    }
}
