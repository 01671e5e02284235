//! Time limits for what is waited for, and room for what must be computed. Everything in an instance shares one thread.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures::future::{Either, select};
use spin_sdk::wit_bindgen::{backpressure_dec, backpressure_inc, yield_async};

/// A limit is counted in this many slices, unless it is said otherwise.
const SLICES: u32 = 10;

/// What the future yields, or `None` when it takes longer than the limit; it is then dropped, which cancels the host's call.
///
/// The limit is counted in slices, each begun when the one before was seen to end: a request that computes keeps the whole
/// instance from running, and what others wait for may long have happened by then. So a standstill counts as one slice.
pub(crate) async fn within<T>(limit: Duration, future: impl Future<Output = T>) -> Option<T> {
    within_slices(limit, SLICES, future).await
}

/// The same, in so many slices.
pub(crate) async fn within_slices<T>(limit: Duration, slices: u32, future: impl Future<Output = T>) -> Option<T> {
    let mut future = std::pin::pin!(future);
    for _ in 0..slices {
        match select(future.as_mut(), std::pin::pin!(spin_sdk::time::sleep(limit / slices))).await {
            Either::Left((output, _)) => return Some(output),
            Either::Right(_) => {}
        }
    }
    None
}

/// The time, in seconds since 1970.
pub fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

/// Does work that keeps a processor busy for long. While it does, new requests go to other instances.
pub async fn compute<T>(work: impl FnOnce() -> T) -> T {
    backpressure_inc();
    yield_async().await;
    let result = work();
    backpressure_dec();
    result
}
