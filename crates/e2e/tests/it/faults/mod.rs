//! What happens when the machine does not do what it should. Each test has a host of its own, and a database or a whole
//! Postgres server.

mod connections;
mod logs;
mod server;
mod soak;
mod traps;
