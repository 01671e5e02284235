//! The services over HTTP, each test with a folder, ports and an upstream of its own.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod categories;
mod chat;
mod crashes;
mod documents;
mod downloads;
mod limits;
mod program;
mod sharing;
mod support;
mod uploads;
