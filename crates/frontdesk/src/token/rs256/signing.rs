//! Signing (RFC 8017, 8.2.1 and 5.2.1) with a key of two primes or more.
//!
//! All arithmetic on secrets is `crypto-bigint`'s, in functions whose time depends on the sizes of the numbers only. The sizes of
//! the primes are no secret, nor are the modulus, the message and the signature. What is held here is overwritten after use; what
//! the crate holds meanwhile (quotients, tables of powers) is not.

use crypto_bigint::modular::{BoxedMontyForm, BoxedMontyParams};
use crypto_bigint::{BoxedUint, ConcatenatingMul as _, NonZero};
use zeroize::Zeroizing;

use super::verifying::VerifyingKey;
use super::{SQUARINGS, encode};

/// How many random bytes blind an exponent.
const EXPONENT_BLINDING: usize = 8;

/// A private key. What is read from outside has its numbers checked: see [`SigningKey::from_pkcs8_der`].
pub(in crate::token) struct SigningKey {
    pub(super) modulus: BoxedMontyParams,
    /// The bytes of the modulus.
    pub(super) size: usize,
    pub(super) verifying_key: VerifyingKey,
    pub(super) factors: Vec<Factor>,
}

/// A prime of the modulus, and what belongs to it.
pub(super) struct Factor {
    /// Not overwritten when it is dropped: the crate shares it between numbers, and gives no access.
    pub(super) prime: BoxedMontyParams,
    /// The prime less one, by which exponents count.
    pub(super) order: Zeroizing<BoxedUint>,
    /// The private exponent modulo the order, less one.
    pub(super) exponent: Zeroizing<BoxedUint>,
    /// The product of the factors before this one, as wide as the modulus.
    pub(super) before: Zeroizing<BoxedUint>,
    /// The inverse of that product modulo the prime.
    pub(super) coefficient: Zeroizing<BoxedMontyForm>,
}

impl SigningKey {
    /// The modulus, which is public.
    pub(in crate::token) fn modulus(&self) -> &NonZero<BoxedUint> {
        self.modulus.modulus().as_nz_ref()
    }

    /// The signature of the message; `None` when there is no randomness, or the result is not right.
    ///
    /// The number m is blinded with a random r before it is reduced modulo the primes, and stays so until the results are put
    /// together. No inverse of r is needed, which would be costly: (m·r^e)^(d-1) is m^(d-1)·r^(1-e), and that times m·r^(e-1) is
    /// m^d.
    pub(in crate::token) fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        let width = self.modulus.bits_precision();
        let number = BoxedUint::from_be_slice(&encode(message, self.size), width).ok()?;
        // One byte shorter than the modulus, so it is less.
        let r = self.residue(random(self.size.checked_sub(1)?, width)?);
        let mut power = r.clone();
        for _ in 0..SQUARINGS {
            power = Zeroizing::new(power.square());
        }
        let unblinding = Zeroizing::new(&*power * &*self.residue(number));
        let blinded = Zeroizing::new(&*unblinding * &*r);
        let blinded = Zeroizing::new(blinded.retrieve());
        let signature = &*self.residue(self.raise(&blinded)?) * &*unblinding;
        // A wrong one is overwritten as well: it would give the primes away.
        let signature = Zeroizing::new(signature.retrieve());
        let signature = Zeroizing::new(signature.to_be_bytes());
        let signature = signature.get(signature.len().checked_sub(self.size)?..)?;
        // One that is right modulo some of the primes only would give them away (Boneh, DeMillo and Lipton, 1997).
        self.verifying_key.verify(message, signature).then(|| signature.to_vec())
    }

    /// A number below the modulus, for products modulo the modulus.
    fn residue(&self, number: BoxedUint) -> Zeroizing<BoxedMontyForm> {
        Zeroizing::new(BoxedMontyForm::new(number, &self.modulus))
    }

    /// A number to the power of the private exponent less one: modulo each prime, then put together as Garner does.
    fn raise(&self, number: &BoxedUint) -> Option<BoxedUint> {
        let mut result = BoxedUint::zero_with_precision(self.modulus.bits_precision());
        for factor in &self.factors {
            let difference = Zeroizing::new(&*factor.raise(number)? - &*factor.residue(&result));
            let digit = Zeroizing::new(&*difference * &*factor.coefficient);
            let digit = Zeroizing::new(digit.retrieve());
            result.wrapping_add_assign(&*Zeroizing::new(factor.before.wrapping_mul(&*digit)));
        }
        Some(result)
    }
}

impl Factor {
    /// A number as wide as the modulus, for products modulo the prime.
    pub(super) fn residue(&self, number: &BoxedUint) -> Zeroizing<BoxedMontyForm> {
        Zeroizing::new(BoxedMontyForm::new(number.rem(self.prime.modulus().as_nz_ref()), &self.prime))
    }

    /// A number to the power of the private exponent less one, modulo the prime. A random multiple of the order makes the
    /// exponent another one each time.
    fn raise(&self, number: &BoxedUint) -> Option<Zeroizing<BoxedMontyForm>> {
        let random = Zeroizing::new(random(EXPONENT_BLINDING, u32::try_from(8 * EXPONENT_BLINDING).ok()?)?);
        let mut exponent = Zeroizing::new(self.order.concatenating_mul(&*random));
        exponent.wrapping_add_assign(&*self.exponent);
        Some(Zeroizing::new(self.residue(number).pow(&exponent)))
    }
}

/// A number of so many random bytes, in so many bits.
fn random(bytes: usize, width: u32) -> Option<BoxedUint> {
    let mut random = Zeroizing::new(vec![0; bytes]);
    getrandom::fill(&mut random).ok()?;
    BoxedUint::from_be_slice(&random, width).ok()
}
