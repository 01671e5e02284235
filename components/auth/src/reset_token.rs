//! What is mailed to somebody who has forgotten their password: random, and stored as a hash only.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use frontdesk::{Error, Result};
use sha2::{Digest as _, Sha256};

/// What its text begins with, so that a leaked one can be recognised.
const PREFIX: &str = "fdp_";

/// See the module.
pub(crate) struct ResetToken(String);

impl ResetToken {
    /// A new one.
    pub(crate) fn new() -> Result<Self> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).map_err(Error::internal)?;
        Ok(Self(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes))))
    }

    /// One that somebody has sent.
    pub(crate) fn sent(text: String) -> Self {
        Self(text)
    }

    pub(crate) fn text(&self) -> &str {
        &self.0
    }

    /// What is stored of it. It is random enough for a plain hash.
    pub(crate) fn hash(&self) -> Vec<u8> {
        Sha256::digest(&self.0).to_vec()
    }
}
