//! How long an instance lives, what it takes on, and who goes down with it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::probe::{Held, Probe};

/// Source: crates/trigger-http/src/lib.rs:42 (`DEFAULT_WASIP3_MAX_INSTANCE_REUSE_COUNT`).
#[tokio::test]
async fn an_instance_takes_128_requests_in_its_life() {
    let probe = Probe::start().await;
    let mut requests = BTreeMap::new();
    // Enough for one instance to come to its end even if a few share them.
    for _ in 0..5 * 128 {
        let (instance, number) = probe.instance().await;
        requests.insert(instance, number);
    }
    assert_eq!(requests.values().max(), Some(&128), "{requests:?}");
}

/// Source: crates/trigger-http/src/lib.rs:43 (`DEFAULT_WASIP3_MAX_INSTANCE_CONCURRENT_REUSE_COUNT`).
#[tokio::test]
async fn an_instance_takes_16_requests_at_the_same_time() {
    let probe = Probe::start().await;
    // Enough for one instance to be full even if the first ones went to four.
    let held = hold(&probe, |held| held.len() == 72).await;
    let most = by_instance(&held).into_values().max();
    assert_eq!(most, Some(16), "{:?}", by_instance(&held));
    for held in held {
        assert_eq!(held.release().await, 200);
    }
}

/// Source: crates/trigger-http/src/lib.rs:45 (`DEFAULT_IDLE_INSTANCE_TIMEOUT`).
#[tokio::test]
async fn an_instance_is_kept_for_one_second_without_requests() {
    let probe = Probe::start().await;
    let mut kept = None;
    // A busy machine may make the pause longer than it is meant to be, and another instance may take the second request.
    for _ in 0..10 {
        let began = Instant::now();
        let (before, _) = probe.instance().await;
        tokio::time::sleep(Duration::from_millis(600)).await;
        let (after, _) = probe.instance().await;
        if began.elapsed() < Duration::from_millis(950) {
            kept = Some(before == after);
        }
        if kept == Some(true) {
            break;
        }
    }
    assert_eq!(kept, Some(true), "after 0.6 s; None: this machine is too slow to say");
    let (before, _) = probe.instance().await;
    tokio::time::sleep(Duration::from_millis(2500)).await;
    let (after, _) = probe.instance().await;
    assert_ne!(before, after, "after 2.5 s");
}

/// Source: wasmtime-wasi-http 47, src/handler.rs:841 (the worker ends, and with it the senders of its answers) and
/// crates/trigger-http/src/server.rs:790 (`worker failed`).
#[tokio::test]
async fn a_trap_fails_the_requests_of_its_instance_and_no_other() {
    let probe = Probe::start().await;
    let held = hold(&probe, |held| by_instance(held).len() > 1).await;
    let mut trapped = None;
    // A new instance may take some of them.
    for id in 0..20 {
        assert_eq!(probe.get(&format!("/probe?do=trap&id={id}")).await.status(), 500);
        let line = probe.logged(&format!("trapping {id} ")).await;
        let instance = line.rsplit(' ').next().unwrap().to_owned();
        if by_instance(&held).contains_key(instance.as_str()) {
            trapped = Some(instance);
            break;
        }
    }
    let trapped = trapped.expect("no trap went to an instance that has another request");
    for held in held {
        if held.instance == trapped {
            let answer = held.answer().await.unwrap();
            assert_eq!((answer.status().as_u16(), answer.content_length()), (500, Some(0)));
        } else {
            assert_eq!(held.release().await, 200);
        }
    }
    let (instance, _) = probe.instance().await;
    assert_ne!(instance, trapped);
}

/// Source: wasmtime-wasi-http 47, src/handler.rs:816 (an error of the guest is an answer).
#[tokio::test]
async fn an_error_of_the_guest_fails_its_own_request_only() {
    let probe = Probe::start().await;
    let held = probe.hold().await;
    // Another instance may take some of them.
    for _ in 0..20 {
        assert_eq!(probe.get("/probe?do=fail").await.status(), 500);
    }
    probe.logged(&format!("failing {}", held.instance)).await;
    assert_eq!(held.release().await, 200);
}

/// Holds one request after another until there are `enough`.
async fn hold(probe: &Probe, enough: impl Fn(&[Held]) -> bool) -> Vec<Held> {
    let mut held = Vec::new();
    while !enough(&held) {
        held.push(probe.hold().await);
    }
    held
}

fn by_instance(held: &[Held]) -> BTreeMap<&str, usize> {
    held.iter().fold(BTreeMap::new(), |mut requests, held| {
        *requests.entry(held.instance.as_str()).or_default() += 1;
        requests
    })
}
