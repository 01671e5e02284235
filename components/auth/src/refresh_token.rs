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

    /// What a browser keeps that a user has signed in with.
    pub(crate) fn device(&self, user: Uuid) -> String {
        let mac = self.0.clone().chain_update(DEVICE).chain_update(user.as_bytes()).finalize();
        format!("{DEVICE}{}{}", user.simple(), URL_SAFE_NO_PAD.encode(mac.into_bytes()))
    }

    /// Whose device it is that keeps this, if it is one of ours.
    pub(crate) fn open_device(&self, text: &str) -> Option<Uuid> {
        let (user, mac) = text.strip_prefix(DEVICE)?.split_at_checked(32)?;
        let user = Uuid::try_parse(user).ok()?;
        let mac = URL_SAFE_NO_PAD.decode(mac).ok()?;
        self.0.clone().chain_update(DEVICE).chain_update(user.as_bytes()).verify_slice(&mac).ok()?;
        Some(user)
    }

    /// The token of a session after so many rotations.
    pub(crate) fn token(&self, session_id: Uuid, counter: i32) -> String {
        let mut token = session_id.as_bytes().to_vec();
        token.extend(counter.to_be_bytes());
        let mac = self.0.clone().chain_update(&token).finalize();
        token.extend(mac.into_bytes());
        format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(token))
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
        for cut in ["", "fdr_", &token[..token.len() - 1], &token[1..], &format!("{token}A"), &key.device(session)] {
            assert_eq!(key.open(cut), None, "{cut}");
        }
        for other in [key.token(session, 1), key.token(other_session, 0), other_key.token(session, 0)] {
            assert_ne!(token, other);
        }
    }

    #[test]
    fn a_device_is_known_by_its_word_alone() {
        let key = RefreshTokenKey::parse(&URL_SAFE_NO_PAD.encode([7; 32])).unwrap();
        let user = Uuid::from_u128(1);
        let word = key.device(user);
        assert_eq!(key.open_device(&word), Some(user));
        let other = word.replace(&user.simple().to_string(), &Uuid::from_u128(2).simple().to_string());
        for text in ["", "fdd_", &word[..40], &other, &format!("{word}A"), &key.token(user, 0)] {
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
