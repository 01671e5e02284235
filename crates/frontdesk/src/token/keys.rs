//! The operator's keys, from PEM: what kind they are decides the algorithm, and their RFC 7638 thumbprint is their `kid`.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use crypto_bigint::{BoxedUint, NonZero};
use ed25519_dalek::pkcs8::{DecodePrivateKey as _, DecodePublicKey as _};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey};
use rsa::PublicKey;
use rsa::traits::PublicKeyParts as _;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::rs256;

/// The parameters of a public key (RFC 7517, RFC 8037).
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[serde(untagged)]
enum PublicParameters {
    /// An RSA key.
    Rsa {
        /// The exponent, base64url.
        e: String,
        /// Always `RSA`.
        kty: &'static str,
        /// The modulus, base64url.
        n: String,
    },
    /// An Ed25519 key.
    Ed25519 {
        /// Always `Ed25519`.
        crv: &'static str,
        /// Always `OKP`.
        kty: &'static str,
        /// The public point, base64url.
        x: String,
    },
}

impl PublicParameters {
    fn rsa(modulus: &BoxedUint, exponent: &BoxedUint) -> Self {
        let encode = |number: &BoxedUint| URL_SAFE_NO_PAD.encode(number.to_be_bytes_trimmed_vartime());
        Self::Rsa { e: encode(exponent), kty: "RSA", n: encode(modulus) }
    }

    fn ed25519(key: &ed25519_dalek::VerifyingKey) -> Self {
        Self::Ed25519 { crv: "Ed25519", kty: "OKP", x: URL_SAFE_NO_PAD.encode(key.as_bytes()) }
    }

    /// RFC 7638: the hash of the required members in alphabetical order without white space, which is how they are declared.
    fn thumbprint(&self) -> Result<String, String> {
        let canonical = serde_json::to_vec(self).map_err(|error| error.to_string())?;
        Ok(URL_SAFE_NO_PAD.encode(Sha256::digest(canonical)))
    }
}

/// A public key (JWK, RFC 7517).
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Jwk {
    #[serde(flatten)]
    parameters: PublicParameters,
    /// The algorithm: `RS256` or `EdDSA`.
    alg: &'static str,
    /// The id of the key: its thumbprint (RFC 7638).
    kid: String,
    /// What the key is for: always `sig`.
    #[serde(rename = "use")]
    usage: &'static str,
}

/// A public key that verifies tokens.
pub(super) struct VerifyingKey {
    algorithm: Algorithm,
    decoding_key: DecodingKey,
    jwk: Jwk,
}

impl VerifyingKey {
    fn rsa(modulus: &NonZero<BoxedUint>, exponent: &BoxedUint) -> Result<Self, String> {
        rs256::check(modulus, exponent)?;
        let decoding_key = DecodingKey::from_rsa_der(&rs256::prepare(modulus));
        Self::new(Algorithm::RS256, "RS256", decoding_key, PublicParameters::rsa(modulus, exponent))
    }

    fn ed25519(key: &ed25519_dalek::VerifyingKey) -> Result<Self, String> {
        Self::new(Algorithm::EdDSA, "EdDSA", DecodingKey::from_ed_der(key.as_bytes()), PublicParameters::ed25519(key))
    }

    fn new(
        algorithm: Algorithm,
        alg: &'static str,
        decoding_key: DecodingKey,
        parameters: PublicParameters,
    ) -> Result<Self, String> {
        let kid = parameters.thumbprint()?;
        Ok(Self { algorithm, decoding_key, jwk: Jwk { parameters, alg, kid, usage: "sig" } })
    }

    fn from_spki(der: &[u8]) -> Result<Self, String> {
        if let Ok(key) = ed25519_dalek::VerifyingKey::from_public_key_der(der) {
            return Self::ed25519(&key);
        }
        match PublicKey::from_public_key_der(der) {
            Ok(key) => Self::rsa(key.n(), key.e()),
            Err(_) => Err("holds a public key that is neither RSA of 2048 to 8192 bits nor Ed25519".to_owned()),
        }
    }

    pub(super) fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    pub(super) fn decoding_key(&self) -> &DecodingKey {
        &self.decoding_key
    }
}

/// The public keys that verify tokens, and make up the JWKS document.
pub struct VerifyingKeys(Vec<VerifyingKey>);

impl VerifyingKeys {
    /// From the variable `verifying_keys`: SPKI PEM blocks, one after another.
    ///
    /// # Errors
    /// When there is none, or one is of another kind.
    pub fn from_pem(text: &str) -> Result<Self, String> {
        let blocks = pem::parse_many(text).map_err(|_| "is not PEM".to_owned())?;
        if blocks.is_empty() {
            return Err("holds no PEM block".to_owned());
        }
        let key = |block: &pem::Pem| match block.tag() {
            "PUBLIC KEY" => VerifyingKey::from_spki(block.contents()),
            "PRIVATE KEY" | "RSA PRIVATE KEY" => Err("holds a private key; it must hold public keys only".to_owned()),
            tag => Err(format!("holds a PEM block {tag:?} where only PUBLIC KEY is expected")),
        };
        blocks.iter().map(key).collect::<Result<_, _>>().map(Self)
    }

    /// Whether the key of this id is among them.
    pub fn contains(&self, kid: &str) -> bool {
        self.find(kid).is_some()
    }

    pub(super) fn find(&self, kid: &str) -> Option<&VerifyingKey> {
        self.0.iter().find(|key| key.jwk.kid == kid)
    }

    /// The entries of the JWKS document.
    pub fn jwks(&self) -> Vec<Jwk> {
        self.0.iter().map(|key| key.jwk.clone()).collect()
    }
}

/// The private key that signs tokens.
pub struct SigningKey {
    algorithm: Algorithm,
    encoding_key: EncodingKey,
    kid: String,
}

impl SigningKey {
    /// From the variable `signing_key`: one PKCS#8 PEM block.
    ///
    /// # Errors
    /// When it is none, or of another kind.
    pub fn from_pem(text: &str) -> Result<Self, String> {
        let block = pem::parse(text).map_err(|_| "is not PEM".to_owned())?;
        if block.tag() != "PRIVATE KEY" {
            return Err(format!("holds a PEM block {:?} where PRIVATE KEY (PKCS#8) is expected", block.tag()));
        }
        let der = block.contents();
        let public = if let Ok(key) = ed25519_dalek::SigningKey::from_pkcs8_der(der) {
            VerifyingKey::ed25519(&key.verifying_key())?
        } else {
            let key = rs256::SigningKey::from_pkcs8_der(der)?;
            VerifyingKey::rsa(key.modulus(), &BoxedUint::from(rs256::EXPONENT))?
        };
        let encoding_key = match public.algorithm {
            Algorithm::EdDSA => EncodingKey::from_ed_der(der),
            _ => EncodingKey::from_rsa_der(der),
        };
        Ok(Self { algorithm: public.algorithm, encoding_key, kid: public.jwk.kid })
    }

    /// The key's id.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    pub(super) fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    pub(super) fn encoding_key(&self) -> &EncodingKey {
        &self.encoding_key
    }
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
    use ed25519_dalek::pkcs8::{EncodePrivateKey as _, EncodePublicKey as _};
    use rsa::PrivateKey;
    use rsa::rand_core::UnwrapErr;

    use super::*;

    fn ed25519() -> ed25519_dalek::SigningKey {
        ed25519_dalek::SigningKey::from_bytes(&[7; 32])
    }

    fn rsa(bits: usize, exponent: u64) -> PrivateKey {
        PrivateKey::new_with_exp(&mut UnwrapErr(getrandom::SysRng), bits, rsa::BoxedUint::from(exponent)).unwrap()
    }

    #[test]
    fn a_kid_is_the_thumbprint_of_rfc_7638() {
        // RFC 7638, 3.1.
        let n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3\
                 oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdA\
                 ZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-\
                 kEgU8awapJzKnqDKgw";
        let key = PublicParameters::Rsa { e: "AQAB".to_owned(), kty: "RSA", n: n.to_owned() };
        assert_eq!(key.thumbprint().unwrap(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
        // RFC 8037, A.3, whose key is that of RFC 8032, 7.1, test 1.
        let point = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
        let key = PublicParameters::Ed25519 { crv: "Ed25519", kty: "OKP", x: point.to_owned() };
        assert_eq!(key.thumbprint().unwrap(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    }

    #[test]
    fn several_keys_of_both_kinds_are_read_and_the_signing_key_found_among_them() {
        let (ed25519, rsa) = (ed25519(), rsa(2048, 65_537));
        let pem = ed25519.verifying_key().to_public_key_pem(LineEnding::LF).unwrap()
            + &rsa.to_public_key().to_public_key_pem(LineEnding::CRLF).unwrap();
        let keys = VerifyingKeys::from_pem(&pem).unwrap();
        let algorithms: Vec<_> = keys.jwks().iter().map(|jwk| jwk.alg).collect();
        assert_eq!(algorithms, ["EdDSA", "RS256"]);
        for private in [ed25519.to_pkcs8_pem(LineEnding::LF).unwrap(), rsa.to_pkcs8_pem(LineEnding::LF).unwrap()] {
            assert!(keys.contains(SigningKey::from_pem(&private).unwrap().kid()));
        }
    }

    #[test]
    fn a_key_that_is_weak_or_of_another_kind_is_refused() {
        let pem = |key: PrivateKey| key.to_public_key().to_public_key_pem(LineEnding::LF).unwrap();
        let private = ed25519().to_pkcs8_pem(LineEnding::LF).unwrap().to_string();
        for (text, reason) in [
            ("", "no PEM block"),
            ("nonsense", "no PEM block"),
            (pem(rsa(1024, 65_537)).as_str(), "1024 bits"),
            (pem(rsa(2048, 3)).as_str(), "exponent is not 65537"),
            (private.as_str(), "private key"),
            ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "CERTIFICATE"),
            ("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "neither RSA"),
        ] {
            let refused = VerifyingKeys::from_pem(text).err().unwrap_or_default();
            assert!(refused.contains(reason), "{refused:?} does not say {reason:?}");
        }
        assert!(SigningKey::from_pem("nonsense").is_err());
        assert!(SigningKey::from_pem(&pem(rsa(2048, 65_537))).is_err(), "a public key signs nothing");
    }
}
