//! The keys of a test host, and tokens signed with them.

use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{EncodePrivateKey as _, EncodePublicKey as _};
use ed25519_dalek::{Signer as _, SigningKey};
use serde_json::Value;

/// An Ed25519 pair, new for each host.
pub struct Keys {
    key: SigningKey,
}

impl Keys {
    /// A new pair.
    ///
    /// # Errors
    /// Without randomness.
    pub fn generate() -> Result<Self> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed)?;
        Ok(Self { key: SigningKey::from_bytes(&seed) })
    }

    /// The private key for the variable `signing_key`.
    ///
    /// # Errors
    /// Never in practice.
    pub fn signing_pem(&self) -> Result<String> {
        Ok(self.key.to_pkcs8_pem(LineEnding::LF).context("encoding a key")?.to_string())
    }

    /// The public key for the variable `verifying_keys`.
    ///
    /// # Errors
    /// Never in practice.
    pub fn verifying_pem(&self) -> Result<String> {
        self.key.verifying_key().to_public_key_pem(LineEnding::LF).context("encoding a key")
    }

    /// A token of any header and claims, genuinely signed.
    pub fn sign(&self, header: &Value, claims: &Value) -> String {
        let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", encode(header), encode(claims));
        let signature = self.key.sign(message.as_bytes());
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature.to_bytes()))
    }
}
