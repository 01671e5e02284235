//! The feature services for development, so that a checkout shows a whole working system: one that keeps documents, and
//! one that talks to an AI provider.
//!
//! Both stand behind Frontdesk, as a company's own services do: who is calling they are told in headers, and what
//! administrators set they fetch from Frontdesk. They are real as far as they go, and not meant for production: there are
//! no replicas, no virus scanner and no quotas.

pub mod ai;
mod answer;
mod body;
pub mod client;
pub mod console;
pub mod documents;
mod error;
pub mod settings;

pub(crate) use error::{Error, Result};
