//! RS256: RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017, 8.2) and the exponent 65537.

mod reading;
mod signing;
#[cfg(test)]
mod tests;
mod verifying;

use std::ops::RangeInclusive;

use crypto_bigint::BoxedUint;
use sha2::{Digest as _, Sha256};

pub(super) use signing::SigningKey;
pub(super) use verifying::{VerifyingKey, prepare};

/// The sizes of RSA keys that are accepted: below, they can be broken; above, one verification takes too long.
const BITS: RangeInclusive<u32> = 2048..=8192;

/// The public exponent of each key.
pub(super) const EXPONENT: u32 = 65_537;

/// How often 65537 = 2^16 + 1 squares.
const SQUARINGS: usize = 16;

/// The DER of a `DigestInfo` for SHA-256 up to the hash itself (RFC 8017, 9.2, note 1).
const DIGEST_INFO: [u8; 19] =
    [0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20];
/// What stands around the padding: 00 01 before it and 00 after it.
const FRAME: usize = 3;

/// What a signature of the message holds, in as many bytes as the modulus has (RFC 8017, 9.2).
fn encode(message: &[u8], size: usize) -> Vec<u8> {
    let hash = Sha256::digest(message);
    let padding = size.saturating_sub(FRAME + DIGEST_INFO.len() + hash.len());
    let mut encoded = vec![0, 1];
    encoded.resize(2 + padding, 0xff);
    encoded.push(0);
    encoded.extend_from_slice(&DIGEST_INFO);
    encoded.extend_from_slice(&hash);
    encoded
}

/// Fails, with the reason, unless a public key of these numbers is accepted.
pub(super) fn check(modulus: &BoxedUint, exponent: &BoxedUint) -> Result<(), String> {
    let bits = modulus.bit_width_vartime();
    if !BITS.contains(&bits) {
        return Err(format!("holds an RSA key of {bits} bits; {} to {} are accepted", BITS.start(), BITS.end()));
    }
    if !modulus.bit_vartime(0) {
        return Err("holds an RSA key whose modulus is even".to_owned());
    }
    if *exponent != BoxedUint::from(EXPONENT) {
        return Err(format!("holds an RSA key whose exponent is not {EXPONENT}"));
    }
    Ok(())
}
