//! Access tokens: JWTs signed with RS256 or EdDSA, whichever the operator's key is for.
//!
//! The algorithm belongs to the key, never to the token: a token's header only says which key (`kid`) to try, and must then
//! name that key's own algorithm. Only public keys are needed to verify, so only `auth` is given the private one.

mod crypto;
mod keys;
mod rs256;

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jsonwebtoken::{Header, Validation};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

pub use keys::{Jwk, SigningKey, VerifyingKeys};

use crate::user::Role;

/// The longest token that is looked at. One of an 8192-bit RSA key has about 1.8 KB.
const MAX_LENGTH: usize = 8 * 1024;

/// How many genuine tokens an instance remembers, about 200 bytes each.
const MAX_REMEMBERED: usize = 256;

/// What an access token says.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Claims {
    /// The operator's variable `issuer`.
    pub iss: String,
    /// The operator's variable `audience`.
    pub aud: String,
    /// The user's id.
    pub sub: Uuid,
    /// The session's id: the token dies with it.
    pub sid: Uuid,
    /// The role at sign-in, a hint to clients: the one in the database counts.
    pub role: Role,
    /// When it was issued, seconds since 1970.
    pub iat: u64,
    /// When it ends, seconds since 1970.
    pub exp: u64,
    /// Unique per token.
    pub jti: Uuid,
}

/// Why a token was not accepted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Rejection {
    /// It is genuine, but its time is over.
    Expired,
    /// It is no token, or not one of ours.
    Invalid,
}

/// Verifies access tokens without a database: signature, issuer, audience and expiry.
///
/// What it found genuine it remembers by the token's hash, because verifying a signature is most of the work. That takes
/// nothing from revocation: expiry is looked at every time, and session and user are asked of the database by the caller.
pub struct Verifier {
    keys: VerifyingKeys,
    issuer: String,
    audience: String,
    genuine: Mutex<HashMap<[u8; 32], Claims>>,
}

impl Verifier {
    /// A verifier that accepts what these keys signed for this audience.
    pub fn new(keys: VerifyingKeys, issuer: String, audience: String) -> Self {
        crypto::install();
        Self { keys, issuer, audience, genuine: Mutex::default() }
    }

    /// The keys.
    pub fn keys(&self) -> &VerifyingKeys {
        &self.keys
    }

    /// A signer whose tokens this accepts for so long, if the key's public part is among the [`keys`](Self::keys).
    pub fn signer(&self, key: SigningKey, lifetime: Duration) -> Signer {
        Signer { key, lifetime, issuer: self.issuer.clone(), audience: self.audience.clone() }
    }

    /// The claims of a genuine token whose time is not over.
    ///
    /// # Errors
    /// See [`Rejection`].
    pub fn verify(&self, token: &str) -> Result<Claims, Rejection> {
        if token.len() > MAX_LENGTH {
            return Err(Rejection::Invalid);
        }
        let hash = Sha256::digest(token).into();
        let remembered = self.genuine.lock().unwrap_or_else(PoisonError::into_inner).get(&hash).cloned();
        if let Some(claims) = remembered {
            return in_time(claims);
        }
        let claims = in_time(self.decode(token)?)?;
        let mut genuine = self.genuine.lock().unwrap_or_else(PoisonError::into_inner);
        if genuine.len() >= MAX_REMEMBERED {
            genuine.clear();
        }
        genuine.insert(hash, claims.clone());
        Ok(claims)
    }

    /// The claims of a genuine token, whether or not its time is over: for who wants to sign out.
    ///
    /// # Errors
    /// When it is not genuine.
    pub fn recognise(&self, token: &str) -> Result<Claims, Rejection> {
        if token.len() > MAX_LENGTH { Err(Rejection::Invalid) } else { self.decode(token) }
    }

    /// What a genuine token says, whether or not its time is over.
    fn decode(&self, token: &str) -> Result<Claims, Rejection> {
        let header = jsonwebtoken::decode_header(token).map_err(|_| Rejection::Invalid)?;
        let key = header.kid.and_then(|kid| self.keys.find(&kid)).ok_or(Rejection::Invalid)?;
        let mut validation = Validation::new(key.algorithm());
        // Its own test lets a token through in the very second in which it ends (RFC 7519, 4.1.4).
        validation.validate_exp = false;
        validation.set_issuer(&[&self.issuer]);
        validation.set_audience(&[&self.audience]);
        validation.required_spec_claims = HashSet::from(["exp", "iss", "aud", "sub"].map(str::to_owned));
        let decoded = jsonwebtoken::decode::<Claims>(token, key.decoding_key(), &validation);
        decoded.map(|token| token.claims).map_err(|_| Rejection::Invalid)
    }
}

fn in_time(claims: Claims) -> Result<Claims, Rejection> {
    if claims.exp > jsonwebtoken::get_current_timestamp() { Ok(claims) } else { Err(Rejection::Expired) }
}

/// Signs access tokens.
pub struct Signer {
    key: SigningKey,
    lifetime: Duration,
    issuer: String,
    audience: String,
}

impl Signer {
    /// How long its tokens are good.
    pub fn lifetime(&self) -> Duration {
        self.lifetime
    }

    /// A token for a user's session.
    ///
    /// # Errors
    /// When the key cannot sign; the text is for the log.
    pub fn sign(&self, user: Uuid, session: Uuid, role: Role) -> Result<String, String> {
        let issued = SystemTime::now().duration_since(UNIX_EPOCH).map_err(|error| error.to_string())?;
        let claims = Claims {
            iss: self.issuer.clone(),
            aud: self.audience.clone(),
            sub: user,
            sid: session,
            role,
            iat: issued.as_secs(),
            exp: (issued + self.lifetime).as_secs(),
            jti: Uuid::new_v4(),
        };
        let header = Header { kid: Some(self.key.kid().to_owned()), ..Header::new(self.key.algorithm()) };
        jsonwebtoken::encode(&header, &claims, self.key.encoding_key()).map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
    use ed25519_dalek::pkcs8::{EncodePrivateKey as _, EncodePublicKey as _};

    use super::*;

    const LIFETIME: Duration = Duration::from_secs(60);

    fn verifier(audience: &str) -> (Verifier, SigningKey) {
        let key = ed25519_dalek::SigningKey::from_bytes(&[7; 32]);
        let public = key.verifying_key().to_public_key_pem(LineEnding::LF).unwrap();
        let keys = VerifyingKeys::from_pem(&public).unwrap();
        let signing_key = SigningKey::from_pem(&key.to_pkcs8_pem(LineEnding::LF).unwrap()).unwrap();
        (Verifier::new(keys, "frontdesk".to_owned(), audience.to_owned()), signing_key)
    }

    #[test]
    fn what_was_signed_is_verified_for_its_audience_and_for_no_other() {
        let (verifier_here, key) = verifier("here");
        let (user, session) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let token = verifier_here.signer(key, LIFETIME).sign(user, session, Role::Admin).unwrap();
        let claims = verifier_here.verify(&token).unwrap();
        assert_eq!((claims.sub, claims.sid, claims.role), (user, session, Role::Admin));
        assert_eq!(claims.exp - claims.iat, LIFETIME.as_secs());
        assert_eq!(verifier("elsewhere").0.verify(&token).unwrap_err(), Rejection::Invalid);
    }

    #[test]
    fn a_token_whose_time_is_over_is_recognised_and_not_accepted() {
        let (verifier_here, key) = verifier("here");
        let token = verifier_here.signer(key, Duration::ZERO).sign(Uuid::nil(), Uuid::nil(), Role::User).unwrap();
        assert_eq!(verifier_here.verify(&token).unwrap_err(), Rejection::Expired);
        assert_eq!(verifier_here.recognise(&token).unwrap().sub, Uuid::nil());
        let forged = token.replace(|last: char| token.ends_with(last), "_");
        assert_eq!(verifier_here.recognise(&forged).unwrap_err(), Rejection::Invalid);
        assert_eq!(verifier("elsewhere").0.recognise(&token).unwrap_err(), Rejection::Invalid);
    }

    #[test]
    fn a_remembered_token_still_expires_and_none_is_remembered_without_end() {
        let (verifier, key) = verifier("here");
        let signer = verifier.signer(key, LIFETIME);
        let token = signer.sign(Uuid::nil(), Uuid::nil(), Role::User).unwrap();
        assert!(verifier.verify(&token).is_ok());
        for claims in verifier.genuine.lock().unwrap().values_mut() {
            claims.exp = claims.iat;
        }
        assert_eq!(verifier.verify(&token).unwrap_err(), Rejection::Expired);
        for _ in 0..=MAX_REMEMBERED {
            assert!(verifier.verify(&signer.sign(Uuid::nil(), Uuid::nil(), Role::User).unwrap()).is_ok());
        }
        assert!(verifier.genuine.lock().unwrap().len() <= MAX_REMEMBERED);
    }

    #[test]
    fn two_tokens_of_one_session_differ() {
        let (verifier, key) = verifier("here");
        let signer = verifier.signer(key, LIFETIME);
        let token = || signer.sign(Uuid::nil(), Uuid::nil(), Role::User).unwrap();
        assert_ne!(token(), token());
    }
}
