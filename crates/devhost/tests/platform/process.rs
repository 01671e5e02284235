//! Threads, and the end of the host.

use std::time::{Duration, Instant};

use crate::probe::{Application, Probe};

/// How long the host takes for an answer that needs no guest, while a guest computes.
async fn health_while_burning(probe: &Probe, burn: Duration) -> Duration {
    let burning = probe.send(&format!("/probe?do=burn&ms={}", burn.as_millis()));
    probe.logged("burning ").await;
    let began = Instant::now();
    assert_eq!(probe.get("/.well-known/spin/health").await.status(), 200);
    let elapsed = began.elapsed();
    burning.abort();
    elapsed
}

/// Source: crates/core/src/store.rs:124 (an epoch deadline that never comes, and nothing that yields before). That
/// TOKIO_WORKER_THREADS counts: src/bin/spin.rs:3 (`#[tokio::main]`).
#[tokio::test]
async fn a_guest_that_computes_keeps_its_thread() {
    let probe = Application::default().environment("TOKIO_WORKER_THREADS", "1").start().await;
    let elapsed = health_while_burning(&probe, Duration::from_secs(3)).await;
    assert!(elapsed > Duration::from_secs(1), "{elapsed:?}");
}

/// Source: as above.
#[tokio::test]
async fn a_guest_that_computes_leaves_the_other_threads_alone() {
    let probe = Application::default().environment("TOKIO_WORKER_THREADS", "4").start().await;
    let elapsed = health_while_burning(&probe, Duration::from_secs(6)).await;
    assert!(elapsed < Duration::from_secs(3), "{elapsed:?}");
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
