//! Tests of private keys. They need the program `openssl`, which makes the keys and signs the same messages.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use crypto_bigint::modular::{BoxedMontyForm, BoxedMontyParams};
use crypto_bigint::{BoxedUint, Odd, Resize as _};
use getrandom::fill;
use rsa::pkcs1::der::Encode as _;
use rsa::pkcs1::der::asn1::OctetStringRef;
use rsa::pkcs1::{self, OtherPrimeInfo, RsaPrivateKeyRef, UintRef};
use rsa::pkcs1v15;
use rsa::pkcs8::{EncodePrivateKey as _, PrivateKeyInfoRef};
use rsa::rand_core::UnwrapErr;
use rsa::signature::{SignatureEncoding as _, Signer as _};
use sha2::Sha256;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::SigningKey;
use crate::token::{self, Verifier, VerifyingKeys};
use crate::user::Role;

/// What OpenSSL answers to this input.
pub(super) fn openssl(arguments: &[&str], input: &[u8]) -> Vec<u8> {
    let mut openssl = Command::new("openssl")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("this test needs the program openssl");
    openssl.stdin.take().unwrap().write_all(input).unwrap();
    let output = openssl.wait_with_output().unwrap();
    assert!(output.status.success(), "{arguments:?}");
    output.stdout
}

/// How many signatures the long tests look at.
pub(super) fn rounds() -> usize {
    std::env::var("FRONTDESK_RSA_ROUNDS").map_or(1000, |rounds| rounds.parse().unwrap())
}

/// A key that OpenSSL has made, in PKCS#8.
fn generate(bits: u32, primes: u32) -> Vec<u8> {
    let (bits, primes) = (format!("rsa_keygen_bits:{bits}"), format!("rsa_keygen_primes:{primes}"));
    let pem = openssl(&["genpkey", "-algorithm", "RSA", "-pkeyopt", &bits, "-pkeyopt", &primes], b"");
    pem::parse(pem).unwrap().into_contents()
}

/// The file of a key, for OpenSSL.
fn file(der: &[u8]) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(pem::encode(&pem::Pem::new("PRIVATE KEY", der)).as_bytes()).unwrap();
    file
}

fn read(der: &[u8]) -> SigningKey {
    SigningKey::from_pkcs8_der(der).unwrap()
}

/// Why a key is refused.
fn refusal(der: &[u8]) -> String {
    SigningKey::from_pkcs8_der(der).err().unwrap_or_else(|| "is accepted".to_owned())
}

/// Of `FRONTDESK_RSA_ROUNDS` random messages, 1000 when it is not set.
#[test]
fn it_signs_random_messages_as_openssl_does() {
    for primes in [2, 3, 4] {
        let der = generate(4096, primes);
        let (key, file) = (read(&der), file(&der));
        for round in 0..rounds().div_ceil(3) {
            let mut message = vec![0; round % 200];
            fill(&mut message).unwrap();
            let expected = openssl(&["dgst", "-sha256", "-sign", file.path().to_str().unwrap()], &message);
            assert_eq!(key.sign(&message).as_ref(), Some(&expected), "{primes} primes, {message:?}, {der:x?}");
        }
    }
}

#[test]
fn keys_of_other_sizes_sign_as_openssl_does() {
    for (bits, primes) in [(2048, 2), (3072, 2), (3072, 3), (8192, 2), (8192, 4), (8192, 5)] {
        let der = generate(bits, primes);
        let expected = openssl(&["dgst", "-sha256", "-sign", file(&der).path().to_str().unwrap()], b"a message");
        assert_eq!(read(&der).sign(b"a message"), Some(expected), "{bits} bits, {primes} primes");
    }
}

#[test]
fn keys_that_the_crate_has_made_sign_as_the_crate_does() {
    // As earlier versions made them, and sizes that do not fill their limbs or bytes.
    for bits in [4096, 2049, 2055] {
        let key = rsa::PrivateKey::new(&mut UnwrapErr(getrandom::SysRng), bits).unwrap();
        let ours = read(key.to_pkcs8_der().unwrap().as_bytes());
        let theirs = pkcs1v15::SigningKey::<Sha256>::new(key);
        for message in [b"".as_slice(), b"a message", &[7; 1000]] {
            assert_eq!(ours.sign(message), Some(theirs.sign(message).to_vec()), "{bits} bits");
        }
    }
}

#[test]
fn a_token_that_a_key_of_four_primes_has_signed_is_accepted() {
    let der = generate(4096, 4);
    let public = openssl(&["pkey", "-pubout", "-in", file(&der).path().to_str().unwrap()], b"");
    let keys = VerifyingKeys::from_pem(&String::from_utf8(public).unwrap()).unwrap();
    let key = token::SigningKey::from_pem(&pem::encode(&pem::Pem::new("PRIVATE KEY", der))).unwrap();
    let verifier = Verifier::new(keys, "frontdesk".to_owned(), "here".to_owned());
    let user = Uuid::from_u128(1);
    let token = verifier.signer(key, Duration::from_secs(60)).sign(user, Uuid::from_u128(2), Role::User).unwrap();
    assert_eq!(verifier.verify(&token).unwrap().sub, user);
}

/// The numbers of a PKCS#1 key, each big-endian.
#[derive(Clone)]
struct Numbers {
    /// n, e, d, p, q, d mod (p - 1), d mod (q - 1), the inverse of q.
    first: [Vec<u8>; 8],
    /// Of each further prime: it, its exponent and its coefficient.
    others: Vec<[Vec<u8>; 3]>,
}

impl Numbers {
    fn of(der: &[u8]) -> Self {
        let info = PrivateKeyInfoRef::try_from(der).unwrap();
        let key = RsaPrivateKeyRef::try_from(info.private_key.as_bytes()).unwrap();
        let bytes = |number: UintRef<'_>| number.as_bytes().to_vec();
        let first = [
            key.modulus,
            key.public_exponent,
            key.private_exponent,
            key.prime1,
            key.prime2,
            key.exponent1,
            key.exponent2,
            key.coefficient,
        ];
        let others = key.other_prime_infos.unwrap_or_default();
        let others = others.into_iter().map(|other| [other.prime, other.exponent, other.coefficient].map(bytes));
        Self { first: first.map(bytes), others: others.collect() }
    }

    fn der(&self) -> Vec<u8> {
        let [modulus, public_exponent, private_exponent, prime1, prime2, exponent1, exponent2, coefficient] =
            self.first.each_ref().map(|number| UintRef::new(number).unwrap());
        let others = self.others.iter().map(|other| {
            let [prime, exponent, coefficient] = other.each_ref().map(|number| UintRef::new(number).unwrap());
            OtherPrimeInfo { prime, exponent, coefficient }
        });
        let other_prime_infos = (!self.others.is_empty()).then(|| others.collect());
        let key = RsaPrivateKeyRef {
            modulus,
            public_exponent,
            private_exponent,
            prime1,
            prime2,
            exponent1,
            exponent2,
            coefficient,
            other_prime_infos,
        };
        let key = key.to_der().unwrap();
        PrivateKeyInfoRef::new(pkcs1::ALGORITHM_ID, OctetStringRef::new(&key).unwrap()).to_der().unwrap()
    }

    /// All of them, with their names.
    fn each(&mut self) -> Vec<(String, &mut Vec<u8>)> {
        let names = ["n", "e", "d", "p", "q", "dP", "dQ", "qInv"].map(str::to_owned);
        let others = self.others.iter_mut().zip(3..).flat_map(|(numbers, place)| {
            numbers.iter_mut().zip(["r", "d", "t"]).map(move |(number, name)| (format!("{name}{place}"), number))
        });
        names.into_iter().zip(&mut self.first).chain(others).collect()
    }
}

/// The sum of two big-endian numbers.
fn sum(one: &[u8], other: &[u8]) -> Vec<u8> {
    let number = |bytes| BoxedUint::from_be_slice(bytes, 8192).unwrap();
    number(one).wrapping_add(number(other)).to_be_bytes_trimmed_vartime().into_vec()
}

#[test]
fn a_key_of_which_a_single_number_is_wrong_is_refused() {
    for (bits, primes) in [(2048, 2), (3072, 3), (4096, 4)] {
        let mut genuine = Numbers::of(&generate(bits, primes));
        assert_eq!(refusal(&genuine.der()), "is accepted");
        for at in 0..genuine.each().len() {
            let mutations: [fn(&mut Vec<u8>); 8] = [
                // Makes a prime even.
                |number| *number.last_mut().unwrap() ^= 1,
                |number| *number.last_mut().unwrap() ^= 2,
                |number| *number = sum(number, &[2]),
                |number| {
                    let middle = number.len() / 2;
                    number[middle] ^= 0x10;
                },
                |number| number[0] ^= 1,
                |number| number.push(1),
                |number| *number = vec![0],
                |number| *number = vec![1],
            ];
            for (mutation, mutate) in mutations.iter().enumerate() {
                let mut key = genuine.clone();
                mutate(key.each()[at].1);
                let refusal = refusal(&key.der());
                let name = key.each()[at].0.clone();
                assert!(refusal.starts_with("holds an RSA key "), "{primes} primes, {name}, {mutation}: {refusal}");
            }
        }
    }
}

#[test]
fn a_number_that_is_right_only_modulo_its_prime_is_refused() {
    let genuine = Numbers::of(&generate(4096, 4));
    let less_one = |prime: &[u8]| [&prime[..prime.len() - 1], &[prime[prime.len() - 1] - 1]].concat();
    let [p, q] = [3, 4].map(|prime| genuine.first[prime].clone());
    let mut keys = vec![
        ("coefficient", genuine.clone()),
        ("exponent of a prime", genuine.clone()),
        ("exponent of a prime", genuine.clone()),
    ];
    keys[0].1.first[7] = sum(&genuine.first[7], &p);
    keys[1].1.first[5] = sum(&genuine.first[5], &less_one(&p));
    keys[2].1.first[6] = sum(&genuine.first[6], &less_one(&q));
    for (place, [prime, exponent, coefficient]) in genuine.others.iter().enumerate() {
        let (mut one, mut other) = (genuine.clone(), genuine.clone());
        one.others[place][1] = sum(exponent, &less_one(prime));
        other.others[place][2] = sum(coefficient, prime);
        keys.extend([("exponent of a prime", one), ("coefficient", other)]);
    }
    for (reason, key) in keys {
        let refusal = refusal(&key.der());
        assert!(refusal.contains(reason) || refusal.contains("private exponent"), "{reason}: {refusal}");
    }
}

#[test]
fn a_key_whose_primes_are_not_those_of_its_modulus_is_refused() {
    let genuine = Numbers::of(&generate(4096, 4));
    let (mut fewer, mut swapped, mut twice, mut exchanged) =
        (genuine.clone(), genuine.clone(), genuine.clone(), genuine.clone());
    fewer.others.pop();
    swapped.first.swap(3, 4);
    swapped.first.swap(5, 6);
    twice.others[1] = twice.others[0].clone();
    exchanged.others.swap(0, 1);
    for (key, reason) in
        [(fewer, "modulus"), (swapped, "coefficient"), (twice, "coefficient"), (exchanged, "coefficient")]
    {
        let refusal = refusal(&key.der());
        assert!(refusal.contains(reason), "{refusal:?} does not say {reason:?}");
    }
}

#[test]
fn a_key_that_is_weak_or_of_another_kind_is_refused() {
    let crate_key = |bits, exponent: u64| {
        let key = rsa::PrivateKey::new_with_exp(&mut UnwrapErr(getrandom::SysRng), bits, BoxedUint::from(exponent));
        key.unwrap().to_pkcs8_der().unwrap().as_bytes().to_vec()
    };
    let pss = pem::parse(openssl(&["genpkey", "-algorithm", "RSA-PSS"], b"")).unwrap().into_contents();
    let of_256_bits =
        pem::parse(openssl(&["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"], b"")).unwrap();
    for (der, reason) in [
        (crate_key(1024, 65_537), "1024 bits"),
        (crate_key(2048, 3), "exponent is not 65537"),
        (generate(2048, 3), "prime of fewer than 1000 bits"),
        (pss, "neither an RSA"),
        (of_256_bits.into_contents(), "neither an RSA"),
        (vec![], "neither an RSA"),
        (vec![0x30; 100], "neither an RSA"),
    ] {
        let refusal = refusal(&der);
        assert!(refusal.contains(reason), "{refusal:?} does not say {reason:?}");
    }
}

/// What a fault in memory or in the processor does; reading refuses such a key.
#[test]
fn no_signature_leaves_that_was_made_with_a_wrong_number() {
    let odd = |number: BoxedUint| BoxedMontyParams::new(Odd::new(number).unwrap());
    let add = |number: &BoxedUint, more: u32| Zeroizing::new(number.wrapping_add(BoxedUint::from(more)));
    for (bits, primes) in [(2048, 2), (3072, 3), (4096, 4)] {
        let mut key = read(&generate(bits, primes));
        assert!(key.sign(b"").is_some());
        for at in 0..primes as usize {
            let wrong = add(&key.factors[at].exponent, 2);
            let right = std::mem::replace(&mut key.factors[at].exponent, wrong);
            assert_eq!(key.sign(b""), None, "{primes} primes, exponent {at}");
            key.factors[at].exponent = right;

            let wrong = add(&key.factors[at].order, 2);
            let right = std::mem::replace(&mut key.factors[at].order, wrong);
            assert_eq!(key.sign(b""), None, "{primes} primes, order {at}");
            key.factors[at].order = right;

            let wrong = add(&key.factors[at].before, 2);
            let right = std::mem::replace(&mut key.factors[at].before, wrong);
            assert_eq!(key.sign(b""), None, "{primes} primes, product before {at}");
            key.factors[at].before = right;

            let prime = key.factors[at].prime.clone();
            let one = BoxedMontyForm::one(&prime);
            let wrong = Zeroizing::new(&*key.factors[at].coefficient + &one);
            let right = std::mem::replace(&mut key.factors[at].coefficient, wrong);
            assert_eq!(key.sign(b""), None, "{primes} primes, coefficient {at}");

            // With a coefficient of its own: in debug builds the crate looks whether both are of the same prime.
            let wrong = odd(prime.modulus().wrapping_add(BoxedUint::from(2_u32)));
            let coefficient = right.retrieve().resize_unchecked(wrong.bits_precision());
            key.factors[at].coefficient = Zeroizing::new(BoxedMontyForm::new(coefficient, &wrong));
            key.factors[at].prime = wrong;
            assert_eq!(key.sign(b""), None, "{primes} primes, prime {at}");
            key.factors[at].prime = prime;
            key.factors[at].coefficient = right;
        }
        assert!(key.sign(b"").is_some());
    }
}
