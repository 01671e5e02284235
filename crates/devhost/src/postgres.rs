//! `spin:postgres@4.2.0`, as Spin's crates/factor-outbound-pg does it, its traps included.
//!
//! Kept on purpose: a session goes back to its pool without a rollback; `timestamptz` cannot be read; errors after the
//! first row come by the future only; without rows there are no columns. Not here: TLS, and the older interfaces
//! `spin:postgres@3`, `fermyon:spin/postgres`.
#![expect(clippy::result_large_err, reason = "the error type is that of the interface")]

mod error;
mod host;
mod parameters;
mod pool;
mod rows;
mod values;
mod wire;

pub(crate) use pool::Pools;

/// What a guest holds as a `connection`: a session, its own until it drops it.
#[expect(unreachable_pub, reason = "the generated bindings re-export it")]
pub struct Connection(pool::Client);

/// What a guest holds as a `connection-builder`.
#[expect(unreachable_pub, reason = "the generated bindings re-export it")]
pub struct ConnectionBuilder {
    address: String,
}
