//! How an answer leaves: the service's own body is handed back to the host, and any other written as everywhere.

use axum::response::Response;
use spin_sdk::http::IntoResponse;
use spin_sdk::wasip3::http::types::{self, ErrorCode};

use crate::passage::Passage;

/// An answer as the host takes it: a [`Passage`] among its extensions is handed back to the host.
pub(crate) struct Answer(pub(crate) Response);

impl IntoResponse for Answer {
    fn into_response(self) -> Result<types::Response, ErrorCode> {
        let Self(mut response) = self;
        let passage = response.extensions_mut().remove::<Passage>();
        let Some(upstream) = passage.and_then(|passage| passage.take()) else {
            return response.into_response();
        };
        let (parts, _) = response.into_parts();
        let headers = parts.headers.try_into().map_err(|_| ErrorCode::InternalError(None))?;
        // Nobody asks how the transmission went.
        let (_, result) = spin_sdk::wasip3::wit_future::new(|| Ok(()));
        let (stream, trailers) = types::Response::consume_body(upstream, result);
        let (response, _) = types::Response::new(headers, Some(stream), trailers);
        response.set_status_code(parts.status.as_u16()).map_err(|()| ErrorCode::InternalError(None))?;
        Ok(response)
    }
}
