//! With what somebody can choose a new password without the old one: random, and stored as a hash only.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

use crate::error::{Error, Result};

/// What its text begins with, so that a leaked one can be recognised.
const PREFIX: &str = "fdp_";

/// See the module.
pub struct ResetToken(String);

impl ResetToken {
    /// A new one.
    ///
    /// # Errors
    /// When there is no randomness.
    pub fn new() -> Result<Self> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).map_err(Error::internal)?;
        Ok(Self(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes))))
    }

    /// One that somebody has sent.
    pub fn sent(text: String) -> Self {
        Self(text)
    }

    /// What is told to whoever may use it.
    pub fn text(&self) -> &str {
        &self.0
    }

    /// What is stored of it. It is random enough for a plain hash.
    pub fn hash(&self) -> Vec<u8> {
        Sha256::digest(&self.0).to_vec()
    }
}
