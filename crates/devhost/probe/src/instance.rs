//! Which instance this is, and what keeps it busy or ends it.
//!
//! What a test has to know before there is an answer, or without one, is a line on standard output.
#![expect(clippy::print_stdout, reason = "the tests read it")]

use std::hint::black_box;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use spin_sdk::http::{Error, Request};
use uuid::Uuid;

use crate::question::Question;

/// A guest's memory is its instance's: so is a name that is made up once.
static NAME: LazyLock<Uuid> = LazyLock::new(Uuid::new_v4);
static REQUESTS: AtomicU32 = AtomicU32::new(0);

/// Counts a request.
pub(crate) fn count() {
    REQUESTS.fetch_add(1, Ordering::Relaxed);
}

/// The instance and how many requests it has had, this one included.
pub(crate) fn describe() -> Value {
    json!({"instance": *NAME, "requests": REQUESTS.load(Ordering::Relaxed)})
}

/// Waits until the client has sent the whole body.
pub(crate) async fn hold(question: &Question, request: Request) -> Result<Value, Error> {
    println!("holding {} {}", question.get("id")?, *NAME);
    request.into_body().collect().await?;
    Ok(describe())
}

/// Waits, and leaves the thread to others.
pub(crate) async fn sleep(question: &Question) -> Result<Value, Error> {
    println!("sleeping {}", *NAME);
    spin_sdk::time::sleep(question.duration()?).await;
    Ok(describe())
}

/// Computes, without a call of the host that could give the thread to others.
pub(crate) fn burn(question: &Question) -> Result<Value, Error> {
    let end = Instant::now() + question.duration()?;
    println!("burning {}", *NAME);
    let mut sum = 0_u64;
    while Instant::now() < end {
        for number in 0..1_000_000_u64 {
            sum = black_box(sum.wrapping_add(number));
        }
    }
    Ok(describe())
}

/// Ends this request only.
pub(crate) fn fail() -> Error {
    println!("failing {}", *NAME);
    Error::other("told to fail")
}

/// Ends the instance.
pub(crate) fn trap(question: &Question) -> ! {
    println!("trapping {} {}", question.get("id").unwrap_or_default(), *NAME);
    std::process::abort()
}
