//! Secret settings at rest: XChaCha20-Poly1305 under a key that is in no database, with a random nonce for each value.
//!
//! A value is bound to its column and to the name of its key, so that a ciphertext that was moved elsewhere does not open.
//! Two keys may be there at a time: what the previous one sealed can be opened until it was sealed anew.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chacha20poly1305::aead::{Aead as _, Payload};
use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305, XNonce};
use hmac::{Hmac, Mac as _};
use sha2::{Digest as _, Sha256};

/// Of a key, in bytes.
const KEY_LENGTH: usize = 32;
/// In bytes: long enough to be chosen at random.
const NONCE_LENGTH: usize = 24;
/// Of a key's name, in bytes before they are written in hexadecimal.
const ID_LENGTH: usize = 8;

/// The column that holds the key of the AI provider; secrets of other columns do not open as this one.
pub const AI_API_KEY: &str = "ai_settings.api_key";

/// A key from a variable.
#[derive(Clone)]
pub struct Key {
    id: String,
    cipher: XChaCha20Poly1305,
    mac: Hmac<Sha256>,
}

impl Key {
    /// 32 random bytes, base64url.
    ///
    /// # Errors
    /// When it is anything else.
    pub fn parse(text: &str) -> Result<Self, String> {
        let bytes =
            URL_SAFE_NO_PAD.decode(text.trim().trim_end_matches('=')).map_err(|_| "is not base64url".to_owned())?;
        if bytes.len() != KEY_LENGTH {
            return Err(format!("holds {} bytes where {KEY_LENGTH} are expected", bytes.len()));
        }
        let digest = Sha256::new().chain_update("frontdesk settings key\0").chain_update(&bytes).finalize();
        let id = digest.iter().take(ID_LENGTH).map(|byte| format!("{byte:02x}")).collect();
        let cipher = XChaCha20Poly1305::new_from_slice(&bytes).map_err(|error| error.to_string())?;
        let mac = Hmac::new_from_slice(&bytes).map_err(|error| error.to_string())?;
        Ok(Self { id, cipher, mac })
    }

    fn seal(&self, column: &str, secret: &str) -> Result<Sealed, Failure> {
        let mut nonce = [0; NONCE_LENGTH];
        getrandom::fill(&mut nonce).map_err(|_| Failure::NoRandomness)?;
        let aad = self.aad(column);
        let payload = Payload { msg: secret.as_bytes(), aad: aad.as_bytes() };
        let ciphertext = self.cipher.encrypt(&XNonce::from(nonce), payload).map_err(|_| Failure::Changed)?;
        let bytes = [nonce.as_slice(), &ciphertext].concat();
        Ok(Sealed { bytes, key_id: self.id.clone() })
    }

    fn open(&self, column: &str, bytes: &[u8]) -> Result<String, Failure> {
        let (nonce, ciphertext) = bytes.split_first_chunk::<NONCE_LENGTH>().ok_or(Failure::Changed)?;
        let aad = self.aad(column);
        let payload = Payload { msg: ciphertext, aad: aad.as_bytes() };
        let secret = self.cipher.decrypt(&XNonce::from(*nonce), payload).map_err(|_| Failure::Changed)?;
        String::from_utf8(secret).map_err(|_| Failure::Changed)
    }

    /// What a ciphertext is bound to.
    fn aad(&self, column: &str) -> String {
        format!("frontdesk 1 {column} {}", self.id)
    }
}

/// The keys that there are: one seals, both open.
#[derive(Clone)]
pub struct Keys {
    current: Key,
    previous: Option<Key>,
}

/// An encrypted value, as it is stored.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Sealed {
    /// The nonce and the ciphertext with its tag.
    pub bytes: Vec<u8>,
    /// Names the key; gives nothing of it away.
    pub key_id: String,
}

/// Why a value could not be sealed or opened. Holds no part of it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Failure {
    /// Neither key is the one that it was sealed with.
    UnknownKey,
    /// It is not what was sealed here.
    Changed,
    /// The system gives no random bytes.
    NoRandomness,
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::UnknownKey => "neither settings_key nor settings_key_previous is the key that it was encrypted with",
            Self::Changed => "the stored secret is not what was encrypted here",
            Self::NoRandomness => "the system gives no random bytes",
        })
    }
}

impl std::error::Error for Failure {}

impl Keys {
    /// The key that seals, and the one before it.
    pub fn new(current: Key, previous: Option<Key>) -> Self {
        Self { current, previous }
    }

    /// Whether this is the name of the key that seals.
    pub fn is_current(&self, key_id: &str) -> bool {
        self.current.id == key_id
    }

    /// Encrypts a secret for a column.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub fn seal(&self, column: &str, secret: &str) -> Result<Sealed, Failure> {
        self.current.seal(column, secret)
    }

    /// The secret of a column.
    ///
    /// # Errors
    /// When its key is not there, or it was changed.
    pub fn open(&self, column: &str, sealed: &Sealed) -> Result<String, Failure> {
        let mut keys = std::iter::once(&self.current).chain(&self.previous);
        keys.find(|key| key.id == sealed.key_id).ok_or(Failure::UnknownKey)?.open(column, &sealed.bytes)
    }

    /// A tag that is the same for the same text and says nothing about it to who has not the key: a plain hash would let a
    /// short secret be guessed.
    pub(crate) fn tag(&self, text: &[u8]) -> String {
        let mac = self.current.mac.clone().chain_update(b"etag\0").chain_update(text).finalize().into_bytes();
        mac.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> Key {
        Key::parse(&URL_SAFE_NO_PAD.encode([byte; KEY_LENGTH])).ok().unwrap()
    }

    #[test]
    fn what_was_sealed_opens_and_is_never_sealed_alike_twice() {
        let keys = Keys::new(key(1), None);
        let sealed = keys.seal(AI_API_KEY, "sk-1234567890").unwrap();
        assert_eq!(keys.open(AI_API_KEY, &sealed).unwrap(), "sk-1234567890");
        assert_eq!(sealed.bytes.len(), NONCE_LENGTH + "sk-1234567890".len() + 16, "nonce, text, tag");
        assert_ne!(sealed, keys.seal(AI_API_KEY, "sk-1234567890").unwrap());
    }

    #[test]
    fn what_was_changed_or_moved_does_not_open() {
        let keys = Keys::new(key(1), Some(key(2)));
        let sealed = keys.seal(AI_API_KEY, "sk-1234567890").unwrap();
        for at in 0..sealed.bytes.len() {
            let mut changed = sealed.clone();
            changed.bytes[at] ^= 1;
            assert_eq!(keys.open(AI_API_KEY, &changed), Err(Failure::Changed));
        }
        assert_eq!(keys.open("mail_settings.api_key", &sealed), Err(Failure::Changed));
        assert_eq!(keys.open(AI_API_KEY, &Sealed { bytes: vec![1, 2], ..sealed.clone() }), Err(Failure::Changed));
        assert_eq!(keys.open(AI_API_KEY, &Sealed { key_id: key(2).id, ..sealed }), Err(Failure::Changed));
    }

    #[test]
    fn the_previous_key_opens_and_the_one_before_does_not() {
        let sealed = Keys::new(key(1), None).seal(AI_API_KEY, "secret-secret").unwrap();
        let rotated = Keys::new(key(2), Some(key(1)));
        assert!(!rotated.is_current(&sealed.key_id));
        assert_eq!(rotated.open(AI_API_KEY, &sealed).unwrap(), "secret-secret");
        assert!(rotated.is_current(&rotated.seal(AI_API_KEY, "secret-secret").unwrap().key_id));
        assert_eq!(Keys::new(key(3), Some(key(2))).open(AI_API_KEY, &sealed), Err(Failure::UnknownKey));
    }

    #[test]
    fn a_key_is_32_bytes_of_base64url() {
        for text in ["", "not base64!", "AAAA", &URL_SAFE_NO_PAD.encode([0; 33])] {
            assert!(Key::parse(text).is_err(), "{text:?} passed");
        }
        assert!(Key::parse(&format!("{}=", URL_SAFE_NO_PAD.encode([7; 32]))).is_ok());
    }

    #[test]
    fn a_tag_depends_on_the_text_and_the_key() {
        let keys = Keys::new(key(1), None);
        assert_eq!(keys.tag(b"a"), keys.tag(b"a"));
        assert_ne!(keys.tag(b"a"), keys.tag(b"b"));
        assert_ne!(keys.tag(b"a"), Keys::new(key(2), None).tag(b"a"));
    }
}
