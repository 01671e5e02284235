//! Refresh tokens: session id, counter, and a MAC over both whose key only this component has. The counter is the session's,
//! so the token itself is stored nowhere and the successor of one can be made again.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use uuid::Uuid;

/// What the token's text begins with, so that a leaked one can be recognised.
const PREFIX: &str = "fdr_";
/// The same for the word on a device.
const DEVICE: &str = "fdd_";
/// How much of a token the MAC is over, in bytes: the session's id and the counter.
const SAID: usize = 20;
/// The same of a device's word: the user's id and when it was given. Another length, so that neither MAC is good for the other.
const SAID_ON_A_DEVICE: usize = 24;

/// What a genuine token says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct RefreshToken {
    pub(crate) session_id: Uuid,
    /// How often the session's token was rotated before it.
    pub(crate) counter: i32,
}

/// That a user has signed in on a device.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Device {
    pub(crate) user_id: Uuid,
    /// When last: seconds since 1970.
    pub(crate) since: i64,
}

/// The key of the MAC.
pub(crate) struct RefreshTokenKey(Hmac<Sha256>);

impl RefreshTokenKey {
    /// From the variable `refresh_token_key`: 32 bytes, base64url.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let key = URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).map_err(|_| "is not base64url".to_owned())?;
        if key.len() != 32 {
            return Err(format!("holds {} bytes where 32 are expected", key.len()));
        }
        Hmac::new_from_slice(&key).map(Self).map_err(|error| error.to_string())
    }

    /// What a token says, if it is one of ours.
    pub(crate) fn open(&self, text: &str) -> Option<RefreshToken> {
        let bytes = URL_SAFE_NO_PAD.decode(text.strip_prefix(PREFIX)?).ok()?;
        let (said, mac) = bytes.split_first_chunk::<SAID>()?;
        self.0.clone().chain_update(said).verify_slice(mac).ok()?;
        let (session_id, counter) = said.split_first_chunk::<16>()?;
        let counter = i32::from_be_bytes(*counter.first_chunk::<4>()?);
        Some(RefreshToken { session_id: Uuid::from_bytes(*session_id), counter })
    }

    /// What a browser keeps that a user has signed in with.
    pub(crate) fn device(&self, Device { user_id, since }: Device) -> String {
        self.sign(DEVICE, [user_id.as_bytes().as_slice(), &since.to_be_bytes()].concat())
    }

    /// Whose device it is that keeps this, if it is one of ours.
    pub(crate) fn open_device(&self, text: &str) -> Option<Device> {
        let bytes = URL_SAFE_NO_PAD.decode(text.strip_prefix(DEVICE)?).ok()?;
        let (said, mac) = bytes.split_first_chunk::<SAID_ON_A_DEVICE>()?;
        self.0.clone().chain_update(said).verify_slice(mac).ok()?;
        let (user_id, since) = said.split_first_chunk::<16>()?;
        Some(Device { user_id: Uuid::from_bytes(*user_id), since: i64::from_be_bytes(*since.first_chunk::<8>()?) })
    }

    /// The token of a session after so many rotations.
    pub(crate) fn token(&self, session_id: Uuid, counter: i32) -> String {
        self.sign(PREFIX, [session_id.as_bytes().as_slice(), &counter.to_be_bytes()].concat())
    }

    fn sign(&self, prefix: &str, mut said: Vec<u8>) -> String {
        let mac = self.0.clone().chain_update(&said).finalize();
        said.extend(mac.into_bytes());
        format!("{prefix}{}", URL_SAFE_NO_PAD.encode(said))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_the_same_again_and_differs_by_session_counter_and_key() {
        let key = RefreshTokenKey::parse(&URL_SAFE_NO_PAD.encode([7; 32])).unwrap();
        let other_key = RefreshTokenKey::parse(&URL_SAFE_NO_PAD.encode([8; 32])).unwrap();
        let (session, other_session) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let token = key.token(session, 0);
        assert_eq!(token, key.token(session, 0));
        assert_eq!(token.len(), PREFIX.len() + 70, "16 + 4 + 32 bytes in base64url");
        assert_eq!(key.open(&token), Some(RefreshToken { session_id: session, counter: 0 }));
        assert_eq!(key.open(&key.token(session, 7)).unwrap().counter, 7);
        assert_eq!(other_key.open(&token), None);
        let device = Device { user_id: session, since: 0 };
        let disguised = key.device(device).replace(DEVICE, PREFIX);
        for cut in
            ["", "fdr_", &disguised, &token[..token.len() - 1], &token[1..], &format!("{token}A"), &key.device(device)]
        {
            assert_eq!(key.open(cut), None, "{cut}");
        }
        for other in [key.token(session, 1), key.token(other_session, 0), other_key.token(session, 0)] {
            assert_ne!(token, other);
        }
    }

    #[test]
    fn a_device_is_known_by_its_word_alone() {
        let key = RefreshTokenKey::parse(&URL_SAFE_NO_PAD.encode([7; 32])).unwrap();
        let device = Device { user_id: Uuid::from_u128(1), since: 1_700_000_000 };
        let word = key.device(device);
        assert_eq!(key.open_device(&word), Some(device));
        let other = key.device(Device { user_id: Uuid::from_u128(2), ..device });
        let (_, its_mac) = other.split_at(40);
        let mixed = format!("{}{its_mac}", &word[..40]);
        let token = key.token(device.user_id, 0);
        for text in ["", "fdd_", &word[..40], &mixed, &format!("{word}A"), &token, &token.replace(PREFIX, DEVICE)] {
            assert_eq!(key.open_device(text), None, "{text}");
        }
    }

    #[test]
    fn a_key_is_32_bytes_of_base64url() {
        for text in ["", "not base64!", "AAAA", &URL_SAFE_NO_PAD.encode([0; 33])] {
            assert!(RefreshTokenKey::parse(text).is_err(), "{text:?} passed");
        }
    }
}
