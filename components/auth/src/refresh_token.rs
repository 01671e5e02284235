//! Refresh tokens: session id, counter, and a MAC over both whose key only this component has. The counter is the session's,
//! so the token itself is stored nowhere and the successor of one can be made again.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use uuid::Uuid;

/// What the token's text begins with, so that a leaked one can be recognised.
const PREFIX: &str = "fdr_";
/// The same for the cookie by which a browser is recognised.
const DEVICE: &str = "fdd_";
/// How much of a token the MAC is over, in bytes: the session's id and the counter.
const SAID: usize = 20;
/// The same of a device's id. Another length, so that neither MAC is good for the other.
const SAID_BY_A_DEVICE: usize = 16;

/// What a genuine token says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct RefreshToken {
    pub(crate) session_id: Uuid,
    /// How often the session's token was rotated before it.
    pub(crate) counter: i32,
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

    /// Returns the cookie by which a browser is recognised: its id, which nobody else can make up.
    pub(crate) fn device(&self, id: Uuid) -> String {
        self.sign(DEVICE, id.as_bytes().to_vec())
    }

    /// Returns the id of the browser that keeps this cookie, if it is one of ours.
    pub(crate) fn open_device(&self, text: &str) -> Option<Uuid> {
        let bytes = URL_SAFE_NO_PAD.decode(text.strip_prefix(DEVICE)?).ok()?;
        let (id, mac) = bytes.split_first_chunk::<SAID_BY_A_DEVICE>()?;
        self.0.clone().chain_update(id).verify_slice(mac).ok()?;
        Some(Uuid::from_bytes(*id))
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
        let device = key.device(session);
        let disguised = device.replace(DEVICE, PREFIX);
        for cut in ["", "fdr_", &disguised, &token[..token.len() - 1], &token[1..], &format!("{token}A"), &device] {
            assert_eq!(key.open(cut), None, "{cut}");
        }
        for other in [key.token(session, 1), key.token(other_session, 0), other_key.token(session, 0)] {
            assert_ne!(token, other);
        }
    }

    #[test]
    fn a_device_cookie_cannot_be_made_up() {
        let key = RefreshTokenKey::parse(&URL_SAFE_NO_PAD.encode([7; 32])).unwrap();
        let id = Uuid::from_u128(1);
        let cookie = key.device(id);
        assert_eq!(key.open_device(&cookie), Some(id));
        let other = key.device(Uuid::from_u128(2 << 120));
        let mixed = format!("{}{}", &cookie[..25], &other[25..]);
        let token = key.token(id, 0);
        for text in ["", "fdd_", &cookie[..40], &mixed, &format!("{cookie}A"), &token, &token.replace(PREFIX, DEVICE)] {
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
