//! Reading a private key: PKCS#8 (RFC 5958) with PKCS#1 in it (RFC 8017, A.1.2), of two primes or more.
//!
//! Each relation between the numbers is checked. That the primes are prime is not: whoever makes the key can as well make one that is
//! weak in another way.

use crypto_bigint::modular::{BoxedMontyForm, BoxedMontyParams};
use crypto_bigint::{BoxedUint, ConcatenatingMul as _, NonZero, Odd};
use rsa::pkcs1::{self, RsaPrivateKeyRef, UintRef};
use rsa::pkcs8::PrivateKeyInfoRef;
use zeroize::Zeroizing;

use super::signing::{Factor, SigningKey};
use super::verifying::{VerifyingKey, prepare};
use super::{EXPONENT, check};

/// The fewest bits of a prime. The smaller it is, the easier it is found by elliptic curves (docs/decisions/0015).
const LEAST_PRIME_BITS: u32 = 1000;

impl SigningKey {
    /// From PKCS#8.
    ///
    /// # Errors
    /// When it is no RSA key, or not one that is accepted, or its numbers do not belong together. The text holds no secret.
    pub(in crate::token) fn from_pkcs8_der(der: &[u8]) -> Result<Self, String> {
        let unreadable = || "is neither an RSA nor an Ed25519 key".to_owned();
        let info = PrivateKeyInfoRef::try_from(der).map_err(|_| unreadable())?;
        if info.algorithm != pkcs1::ALGORITHM_ID {
            return Err(unreadable());
        }
        let key = RsaPrivateKeyRef::try_from(info.private_key.as_bytes()).map_err(|_| unreadable())?;

        let modulus = BoxedUint::from_be_slice_vartime(key.modulus.as_bytes());
        check(&modulus, &BoxedUint::from_be_slice_vartime(key.public_exponent.as_bytes()))?;
        let odd = Odd::new(modulus.clone()).into_option().ok_or_else(unreadable)?;
        let verifying_key = VerifyingKey::from_bytes(&prepare(odd.as_nz_ref())).ok_or_else(unreadable)?;
        let width = modulus.bits_precision();
        let private_exponent = number(key.private_exponent, width).ok_or_else(|| wrong("private exponent"))?;

        // In Garner's order, in which a prime's coefficient is the inverse of the product of the primes before it.
        let one = UintRef::new(&[1]).map_err(|_| unreadable())?;
        let first = [(key.prime2, key.exponent2, one), (key.prime1, key.exponent1, key.coefficient)];
        let others = key.other_prime_infos.iter().flatten();
        let others = others.map(|other| (other.prime, other.exponent, other.coefficient));
        let mut product = Zeroizing::new(BoxedUint::one_with_precision(width));
        let mut factors = Vec::new();
        for (prime, exponent, coefficient) in first.into_iter().chain(others) {
            let factor = Factor::new(prime, exponent, coefficient, product, &private_exponent)?;
            let larger = factor.before.checked_mul(factor.prime.modulus().as_ref());
            product = Zeroizing::new(larger.into_option().ok_or_else(|| wrong("modulus or prime"))?);
            factors.push(factor);
        }
        if *product != modulus {
            return Err(wrong("modulus or prime"));
        }
        let size = key.modulus.as_bytes().len();
        Ok(Self { modulus: BoxedMontyParams::new_vartime(odd), size, verifying_key, factors })
    }
}

impl Factor {
    fn new(
        prime: UintRef<'_>,
        exponent: UintRef<'_>,
        coefficient: UintRef<'_>,
        before: Zeroizing<BoxedUint>,
        private_exponent: &BoxedUint,
    ) -> Result<Self, String> {
        let width = u32::try_from(8 * prime.as_bytes().len()).map_err(|_| wrong("prime"))?;
        let prime = number(prime, width).ok_or_else(|| wrong("prime"))?;
        if prime.bit_width() < LEAST_PRIME_BITS {
            return Err(format!("holds an RSA key with a prime of fewer than {LEAST_PRIME_BITS} bits"));
        }
        let order = NonZero::new(prime.wrapping_sub(BoxedUint::one())).into_option().ok_or_else(|| wrong("prime"))?;
        let prime = Odd::new((*prime).clone()).into_option().ok_or_else(|| wrong("prime"))?;

        let exponent = number(exponent, width).ok_or_else(|| wrong("exponent of a prime"))?;
        let one = Zeroizing::new(exponent.concatenating_mul(BoxedUint::from(EXPONENT)));
        if !Zeroizing::new(one.rem(&order)).is_one().to_bool() {
            return Err(wrong("exponent of a prime"));
        }
        if *exponent != *Zeroizing::new(private_exponent.rem(&order)) {
            return Err(wrong("private exponent"));
        }
        let exponent = Zeroizing::new(exponent.wrapping_sub(BoxedUint::one()));

        let coefficient = number(coefficient, width).ok_or_else(|| wrong("coefficient"))?;
        if *coefficient >= *prime.as_ref() {
            return Err(wrong("coefficient"));
        }
        let prime = BoxedMontyParams::new(prime);
        let coefficient = Zeroizing::new(BoxedMontyForm::new((*coefficient).clone(), &prime));
        let factor = Self { prime, order: Zeroizing::new(order.get()), exponent, before, coefficient };
        let one = Zeroizing::new(&*factor.residue(&factor.before) * &*factor.coefficient);
        if Zeroizing::new(one.retrieve()).is_one().to_bool() { Ok(factor) } else { Err(wrong("coefficient")) }
    }
}

fn wrong(what: &str) -> String {
    format!("holds an RSA key with a wrong {what}")
}

/// `None` when it needs more bits.
fn number(number: UintRef<'_>, width: u32) -> Option<Zeroizing<BoxedUint>> {
    BoxedUint::from_be_slice(number.as_bytes(), width).ok().map(Zeroizing::new)
}
