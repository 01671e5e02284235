//! How an answer leaves: the service's own body is handed back to the host, one without a length can be cut off, and any other is written
//! as everywhere.

use std::future::poll_fn;

use axum::response::Response;
use http::response::Parts;
use spin_sdk::http::IntoResponse;
use spin_sdk::wasip3::http::types::{self, ErrorCode, Trailers};
use spin_sdk::wit_bindgen::{FutureReader, StreamReader};

use crate::passage::Passage;
use crate::watch::Watched;
use crate::writing;

/// An answer as the host takes it: among its extensions there may be a [`Passage`] or a [`Watched`].
pub(crate) struct Answer(pub(crate) Response);

impl IntoResponse for Answer {
    fn into_response(self) -> Result<types::Response, ErrorCode> {
        let Self(mut response) = self;
        let passage = response.extensions_mut().remove::<Passage>();
        if let Some(upstream) = passage.and_then(|passage| passage.take()) {
            // Nobody asks how the transmission went.
            let (_, result) = spin_sdk::wasip3::wit_future::new(|| Ok(()));
            return with_body(response.into_parts().0, types::Response::consume_body(upstream, result));
        }
        let watched = response.extensions_mut().remove::<Watched>();
        if let Some(mut watch) = watched.and_then(|watched| watched.take()) {
            let (parts, body) = response.into_parts();
            return with_body(parts, writing::write(body, poll_fn(move |cx| watch.poll_cut(cx))));
        }
        response.into_response()
    }
}

type HostBody = (StreamReader<u8>, FutureReader<Result<Option<Trailers>, ErrorCode>>);

fn with_body(parts: Parts, (stream, trailers): HostBody) -> Result<types::Response, ErrorCode> {
    let headers = parts.headers.try_into().map_err(|_| ErrorCode::InternalError(None))?;
    let (response, _) = types::Response::new(headers, Some(stream), trailers);
    response.set_status_code(parts.status.as_u16()).map_err(|()| ErrorCode::InternalError(None))?;
    Ok(response)
}
