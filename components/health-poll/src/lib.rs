//! The scheduler: calls `POST /internal/tick` of the application whenever the cron trigger fires. All work is done there, where
//! a turn is claimed: it does not matter how many of these fire at once, or whether one is missed.
//!
//! The outgoing request is one of WASI 0.2: Spin's cron plugin has WASI 0.3 only as a release candidate, and does not load a
//! component that imports the release. Of the SDK only variables are used, for the same reason.

#[cfg(target_arch = "wasm32")]
mod call;
#[cfg(target_arch = "wasm32")]
mod component;
