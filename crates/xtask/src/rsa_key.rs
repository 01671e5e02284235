//! Making an RSA key of two primes or more (RFC 8017, 3.2). It is not made in constant time: that happens on an operator's machine.

use anyhow::{Context as _, Result, anyhow, bail};
use crypto_bigint::{BoxedUint, ConcatenatingMul as _, NonZero, Odd, Resize as _};
use crypto_primes::hazmat::{SetBits, SmallFactorsSieveFactory};
use crypto_primes::{Flavor, is_prime, sieve_and_find};
use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use getrandom::SysRng;
use rsa::pkcs1::der::Encode as _;
use rsa::pkcs1::der::asn1::OctetStringRef;
use rsa::pkcs1::{self, OtherPrimeInfo, RsaPrivateKeyRef, UintRef};
use rsa::pkcs8::{EncodePublicKey as _, PrivateKeyInfoRef, SecretDocument};
use rsa::rand_core::UnwrapErr;

use crate::keys::Pair;

/// What the gateway that Frontdesk replaces used.
const BITS: u32 = 4096;

const EXPONENT: u32 = 65_537;

/// Makes a pair of a key of so many primes.
pub fn generate(primes: u32) -> Result<Pair> {
    loop {
        let primes = random_primes(primes)?;
        // There are none, by a small chance, when 65537 divides a prime less one, or two primes are the same.
        if let Some(numbers) = Numbers::of(&primes) {
            return numbers.pair();
        }
    }
}

/// Primes of like sizes whose product has as many bits as the key.
fn random_primes(count: u32) -> Result<Vec<BoxedUint>> {
    loop {
        let bits = (0..count).map(|place| (BITS + place) / count);
        let primes = bits.map(random_prime).collect::<Result<Vec<_>>>()?;
        if product(&primes).bit_width() == BITS {
            return Ok(primes);
        }
    }
}

/// Its two highest bits are set, so that the product of several has the bits that it should have more often than not.
fn random_prime(bits: u32) -> Result<BoxedUint> {
    let failed = |error| anyhow!("no prime was found: {error}");
    let sieve = SmallFactorsSieveFactory::new(Flavor::Any, bits, SetBits::TwoMsb).map_err(failed)?;
    let is_prime = |_: &mut _, candidate: &BoxedUint| is_prime(Flavor::Any, candidate);
    sieve_and_find(&mut UnwrapErr(SysRng), sieve, is_prime).map_err(failed)?.context("no prime was found")
}

fn product<'a>(numbers: impl IntoIterator<Item = &'a BoxedUint>) -> BoxedUint {
    numbers.into_iter().fold(BoxedUint::one(), |product, number| product.concatenating_mul(number))
}

/// The numbers of a private key, big-endian.
struct Numbers {
    modulus: Vec<u8>,
    private_exponent: Vec<u8>,
    factors: Vec<Factor>,
}

struct Factor {
    prime: Vec<u8>,
    /// The private exponent modulo the prime less one.
    exponent: Vec<u8>,
    /// The inverse, modulo the prime, of the product of the primes before it.
    coefficient: Vec<u8>,
}

impl Factor {
    fn other(&self) -> Result<OtherPrimeInfo<UintRef<'_>>> {
        Ok(OtherPrimeInfo {
            prime: UintRef::new(&self.prime)?,
            exponent: UintRef::new(&self.exponent)?,
            coefficient: UintRef::new(&self.coefficient)?,
        })
    }
}

impl Numbers {
    fn of(primes: &[BoxedUint]) -> Option<Self> {
        let less_one = |prime: &BoxedUint| NonZero::new(prime.wrapping_sub(BoxedUint::one())).into_option();
        let orders = primes.iter().map(less_one).collect::<Option<Vec<_>>>()?;
        let order = NonZero::new(product(orders.iter().map(AsRef::as_ref))).into_option()?;
        let exponent = BoxedUint::from(EXPONENT).resize(order.as_ref().bits_precision());
        let private_exponent = exponent.invert_mod(&order).into_option()?;
        let bytes = |number: BoxedUint| number.to_be_bytes_trimmed_vartime().into_vec();
        let factor = |(place, order): (usize, &NonZero<BoxedUint>)| {
            let (before, prime) = (primes.get(..place)?, primes.get(place)?);
            let odd = Odd::new(prime.clone()).into_option()?;
            let coefficient = product(before).rem(odd.as_nz_ref()).invert_odd_mod(&odd).into_option()?;
            let [prime, exponent, coefficient] = [prime.clone(), private_exponent.rem(order), coefficient].map(bytes);
            Some(Factor { prime, exponent, coefficient })
        };
        let factors = orders.iter().enumerate().map(factor).collect::<Option<_>>()?;
        Some(Self { modulus: bytes(product(primes)), private_exponent: bytes(private_exponent), factors })
    }

    fn pair(&self) -> Result<Pair> {
        // PKCS#1's first prime is the one whose coefficient is beside it: the second in Garner's order.
        let [second, first, others @ ..] = self.factors.as_slice() else { bail!("a key has two primes or more") };
        let others = others.iter().map(Factor::other).collect::<Result<Vec<_>>>()?;
        let exponent = EXPONENT.to_be_bytes();
        let key = RsaPrivateKeyRef {
            modulus: UintRef::new(&self.modulus)?,
            public_exponent: UintRef::new(&exponent)?,
            private_exponent: UintRef::new(&self.private_exponent)?,
            prime1: UintRef::new(&first.prime)?,
            prime2: UintRef::new(&second.prime)?,
            exponent1: UintRef::new(&first.exponent)?,
            exponent2: UintRef::new(&second.exponent)?,
            coefficient: UintRef::new(&first.coefficient)?,
            other_prime_infos: (!others.is_empty()).then_some(others),
        };
        let key = key.to_der()?;
        let key = SecretDocument::encode_msg(&PrivateKeyInfoRef::new(pkcs1::ALGORITHM_ID, OctetStringRef::new(&key)?))?;
        let public = rsa::PublicKey::new(BoxedUint::from_be_slice_vartime(&self.modulus), BoxedUint::from(EXPONENT))?;
        Ok(Pair {
            signing: key.to_pem("PRIVATE KEY", LineEnding::LF)?.to_string(),
            verifying: public.to_public_key_pem(LineEnding::LF)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use frontdesk::token::{SigningKey, VerifyingKeys};

    use super::*;

    fn openssl(arguments: &[&str], input: &str) -> String {
        use std::io::Write as _;
        let openssl = Command::new("openssl").args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut openssl = openssl.expect("this test needs the program openssl");
        openssl.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let output = openssl.wait_with_output().unwrap();
        assert!(output.status.success(), "{arguments:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    #[test]
    fn a_generated_key_is_accepted_here_and_by_openssl() {
        for primes in 2..=4 {
            let pair = generate(primes).unwrap();
            let key = SigningKey::from_pem(pair.signing.trim()).unwrap();
            assert!(VerifyingKeys::from_pem(pair.verifying.trim()).unwrap().contains(key.kid()));
            assert!(openssl(&["pkey", "-check", "-noout"], &pair.signing).contains("is valid"));
            assert_eq!(openssl(&["pkey", "-pubout"], &pair.signing), pair.verifying);
            let text = openssl(&["pkey", "-text", "-noout"], &pair.signing);
            assert!(text.contains(&format!("4096 bit, {primes} primes")), "{primes} primes");
        }
    }
}
