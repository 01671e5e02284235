//! Threads, and the end of the host.

use std::time::{Duration, Instant};

use crate::probe::{Application, Probe};

/// Source: crates/core/src/store.rs:124 (an epoch deadline that never comes, and nothing that yields before). That
/// TOKIO_WORKER_THREADS counts: src/bin/spin.rs:3 (`#[tokio::main]`).
///
/// With more threads others are held up too, but only at times: docs/decisions/0005.
#[tokio::test]
async fn a_guest_that_computes_keeps_its_thread() {
    let probe = Application::default().environment("TOKIO_WORKER_THREADS", "1").start().await;
    let burning = probe.send("/probe?do=burn&ms=3000");
    probe.logged("burning ").await;
    let began = Instant::now();
    assert_eq!(probe.get("/.well-known/spin/health").await.status(), 200);
    assert!(began.elapsed() > Duration::from_secs(1), "{:?}", began.elapsed());
    assert_eq!(burning.await.unwrap().unwrap().status(), 200);
}

/// Source: crates/trigger/src/cli.rs:316 (the server is aborted).
#[tokio::test]
async fn stopping_waits_for_no_request() {
    let probe = Probe::start().await;
    let held = probe.hold().await;
    let sleeping = probe.send("/probe?do=sleep&ms=50000");
    probe.logged("sleeping ").await;
    let began = Instant::now();
    probe.stop().await;
    sleeping.await.unwrap().expect_err("an answer from a host that is gone");
    held.answer().await.expect_err("an answer from a host that is gone");
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
}
