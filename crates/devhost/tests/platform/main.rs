//! What devhost must share with Spin, traps included. Each test asks the same things of whichever host runs the probe
//! (`crates/devhost/probe`), so that both can be held to them: `cargo xtask test --host devhost --test platform`, or
//! `--host spin`. What came of that is in docs/decisions/0005.
//!
//! Sources are files of spinframework/spin at commit 94a8fc8a (4.1.0-pre0), or of the crates in the versions that it
//! has.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests fail by panicking"
)]

mod chaining;
mod hosts;
mod instances;
mod probe;
mod process;
mod requests;
mod routes;
mod sessions;
