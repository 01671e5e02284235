//! Writing a body so that it can be broken off while nobody reads it.

use std::future::Future;
use std::pin::pin;

use bytes::Bytes;
use futures::future::select;
use http_body::Body as HttpBody;
use spin_sdk::wasip3::http_compat::{BodyResult, BodyWriter};
use spin_sdk::wit_bindgen::{FutureReader, StreamReader};

/// Writes a body to the host until the body ends, or until `cut` does: then whoever reads it learns that it is not whole. Returns what
/// the host reads.
pub(crate) fn write<B>(body: B, cut: impl Future<Output = ()> + 'static) -> (StreamReader<u8>, FutureReader<BodyResult>)
where
    B: HttpBody<Data = Bytes> + 'static,
    B::Error: Into<axum::BoxError>,
{
    let (writer, stream, result) = BodyWriter::new();
    spin_sdk::wasip3::spawn(async move {
        let mut body = pin!(body);
        // The cut is asked first: a body that is cut off is not read any more. A writer that is dropped says that its body is not whole.
        select(pin!(cut), pin!(writer.send_http_body(&mut body))).await;
    });
    (stream, result)
}
