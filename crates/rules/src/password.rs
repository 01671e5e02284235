//! Passwords: the rules for a new one, and hashing.
//!
//! Hashes are Argon2id PHC strings with the parameters that OWASP gives first (19 MiB, two passes, one lane). Older Argon2
//! hashes and bcrypt hashes of the systems that Frontdesk replaces are verified, and the caller stores a new hash then.
//!
//! Passwords are compared in NFC: keyboards differ in whether they send "é" as one character or as two. A hash of another
//! form still verifies.

use std::borrow::Cow;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher as _, PasswordVerifier as _, Version};
use icu_normalizer::{ComposingNormalizerBorrowed, DecomposingNormalizerBorrowed};

const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// How many bytes of a password bcrypt reads. It ignores the rest, so a password of as many may be the beginning of the right one.
const BCRYPT_READS: usize = 72;

/// A hash of nothing that anybody knows, with the parameters of [`hash`]: verifying against it takes as long as against a
/// real one, so that an unknown account cannot be told by the clock.
const DUMMY_HASH: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$XTkWnXepq0TQoGdWRnQUkQ$8hDElthp3zNuRi7Wql4pchIZCRBMEO3hzIwxBHw04Yg";

/// A rule for new passwords that one broke.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct BrokenRule {
    /// Stable, snake_case.
    pub kind: &'static str,
    /// For people.
    pub message: &'static str,
}

/// The rules that a new password breaks, all of them. Both forms of one password break the same rules.
pub fn broken_rules(password: &str) -> Vec<BrokenRule> {
    let password = nfc(password);
    let length = password.chars().count();
    let special = |c: char| !c.is_alphanumeric() && !c.is_whitespace() && !c.is_control();
    [
        (length < 8, "password_too_short", "The password must have at least 8 characters"),
        (length > 128, "password_too_long", "The password must have at most 128 characters"),
        (
            !password.chars().any(char::is_uppercase),
            "password_no_upper_case",
            "The password must contain an upper-case letter",
        ),
        (!password.chars().any(special), "password_no_special", "The password must contain a special character"),
        (password.to_lowercase().contains("test"), "password_contains_test", "The password must not contain \"test\""),
    ]
    .into_iter()
    .filter(|(broken, ..)| *broken)
    .map(|(_, kind, message)| BrokenRule { kind, message })
    .collect()
}

/// Why a password could not be hashed.
#[derive(Debug)]
pub struct HashError(String);

impl std::fmt::Display for HashError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for HashError {}

/// Hashes the NFC form of a password with a new salt. Costs about 30 ms of CPU under Spin.
///
/// # Errors
/// When there is no memory or no randomness.
pub fn hash(password: &str) -> Result<String, HashError> {
    let hash: PasswordHash =
        hasher().hash_password(nfc(password).as_bytes()).map_err(|error| HashError(error.to_string()))?;
    Ok(hash.to_string())
}

/// What [`verify`] found.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// The wrong password, or nothing to compare it with.
    Wrong,
    /// The right one: the stored hash stays. It may be a bcrypt hash of the first 72 bytes of a longer password: what follows
    /// them was not compared, and a hash of it might be one of a wrong password.
    Right,
    /// The right one, but the stored hash is weaker than what [`hash`] makes, or of another form: store a new one.
    RightButOutdated,
}

/// Compares a password with a stored hash: first the NFC form, then the password as it was sent, then the NFD form, each if it
/// differs from those before.
///
/// `None` (no such account) takes as many attempts as the wrong password for an account.
pub fn verify(password: &str, stored: Option<&str>) -> Verdict {
    let hash = stored.unwrap_or(DUMMY_HASH);
    let (composed, decomposed) = (nfc(password), nfd(password));
    let mut forms = Vec::with_capacity(3);
    for form in [&*composed, password, &*decomposed] {
        if !forms.contains(&form) {
            forms.push(form);
        }
    }
    let verdict = forms.into_iter().map(|form| verify_form(form, hash)).find(|verdict| *verdict != Verdict::Wrong);
    verdict.filter(|_| stored.is_some()).unwrap_or(Verdict::Wrong)
}

/// Whether two passwords are the same one, in whichever form they were sent.
pub fn same(one: &str, other: &str) -> bool {
    nfc(one) == nfc(other)
}

fn verify_form(password: &str, hash: &str) -> Verdict {
    if hash.starts_with("$2") {
        return match bcrypt::verify(password, hash) {
            Ok(true) if password.len() >= BCRYPT_READS => Verdict::Right,
            Ok(true) => Verdict::RightButOutdated,
            Ok(false) | Err(_) => Verdict::Wrong,
        };
    }
    let Ok(parsed) = PasswordHash::new(hash) else { return Verdict::Wrong };
    // The parameters are the stored hash's own: `verify_password` takes them from there.
    match hasher().verify_password(password.as_bytes(), &parsed) {
        Ok(()) if is_current(&parsed) && nfc(password) == password => Verdict::Right,
        Ok(()) => Verdict::RightButOutdated,
        Err(_) => Verdict::Wrong,
    }
}

fn nfc(text: &str) -> Cow<'_, str> {
    ComposingNormalizerBorrowed::new_nfc().normalize(text)
}

fn nfd(text: &str) -> Cow<'_, str> {
    DecomposingNormalizerBorrowed::new_nfd().normalize(text)
}

fn hasher() -> Argon2<'static> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).unwrap_or_default();
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

fn is_current(hash: &PasswordHash) -> bool {
    hash.algorithm.as_str() == "argon2id"
        && hash.version == Some(Version::V0x13.into())
        && Params::try_from(hash)
            .is_ok_and(|params| (params.m_cost(), params.t_cost(), params.p_cost()) == (MEMORY_KIB, PASSES, LANES))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(password: &str) -> Vec<&'static str> {
        broken_rules(password).into_iter().map(|rule| rule.kind).collect()
    }

    #[test]
    fn every_broken_rule_is_listed() {
        assert_eq!(kinds("tEst"), ["password_too_short", "password_no_special", "password_contains_test"]);
        assert_eq!(kinds(""), ["password_too_short", "password_no_upper_case", "password_no_special"]);
        assert_eq!(kinds(&"a".repeat(129)), ["password_too_long", "password_no_upper_case", "password_no_special"]);
    }

    #[test]
    fn a_password_that_keeps_all_rules_passes() {
        assert!(kinds("Correct-Horse").is_empty());
        assert!(kinds("Übergrößen!").is_empty());
        assert!(kinds(&format!("A!{}", "é".repeat(126))).is_empty(), "length counts characters, not bytes");
    }

    #[test]
    fn a_hash_verifies_its_password_and_no_other() {
        let hash = hash("Correct-Horse").unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert_eq!(verify("Correct-Horse", Some(&hash)), Verdict::Right);
        assert_eq!(verify("correct-Horse", Some(&hash)), Verdict::Wrong);
    }

    #[test]
    fn the_dummy_hash_is_well_formed_and_opens_nothing() {
        assert!(is_current(&PasswordHash::new(DUMMY_HASH).unwrap()));
        assert_eq!(verify("", None), Verdict::Wrong);
    }

    /// "Übergröße-1" with each accent as part of its letter, or behind it.
    const COMPOSED: &str = "\u{dc}bergr\u{f6}\u{df}e-1";
    const DECOMPOSED: &str = "U\u{308}bergro\u{308}\u{df}e-1";
    /// The same, one way and the other.
    const MIXED: &str = "\u{dc}bergro\u{308}\u{df}e-1";

    fn bcrypt_of(password: &str) -> String {
        bcrypt::hash_with_salt(password, 4, *b"0123456789abcdef").unwrap().to_string()
    }

    /// A hash of exactly these bytes.
    fn argon2_of(password: &str) -> String {
        let hash: PasswordHash = hasher().hash_password(password.as_bytes()).unwrap();
        hash.to_string()
    }

    #[test]
    fn a_bcrypt_hash_is_not_replaced_when_the_password_may_be_longer_than_bcrypt_reads() {
        let long = format!("Aa!{}", "x".repeat(77));
        let other_ending = format!("{}y", &long[..79]);
        let hash = bcrypt_of(&long);
        assert_eq!(verify(&long, Some(&hash)), Verdict::Right);
        assert_eq!(verify(&other_ending, Some(&hash)), Verdict::Right);
        assert_eq!(verify(&long[..71], Some(&hash)), Verdict::Wrong);

        // 72 bytes may be the beginning of the right one.
        assert_eq!(verify(&long[..72], Some(&hash)), Verdict::Right);
        assert_eq!(verify(&"\u{e9}".repeat(24), Some(&bcrypt_of(&"e\u{301}".repeat(30)))), Verdict::Right);

        let shorter = &long[..71];
        assert_eq!(verify(shorter, Some(&bcrypt_of(shorter))), Verdict::RightButOutdated);
        // 73 bytes, but 72 characters.
        let accented = format!("\u{e9}{}", "x".repeat(71));
        assert_eq!(verify(&accented, Some(&bcrypt_of(&accented))), Verdict::Right);
    }

    #[test]
    fn a_long_password_in_another_form_does_not_replace_a_bcrypt_hash() {
        let decomposed = "e\u{301}".repeat(30);
        let hash = bcrypt_of(&decomposed);
        assert_eq!(verify(&decomposed, Some(&hash)), Verdict::Right);
        assert_eq!(verify(&"\u{e9}".repeat(30), Some(&hash)), Verdict::Right);
        assert_eq!(verify(COMPOSED, Some(&bcrypt_of(DECOMPOSED))), Verdict::RightButOutdated);
    }

    #[test]
    fn a_password_opens_its_hash_in_whichever_form_it_is_sent() {
        let hash = hash(DECOMPOSED).unwrap();
        for form in [COMPOSED, DECOMPOSED, MIXED] {
            assert_eq!(verify(form, Some(&hash)), Verdict::Right, "{form:?}");
            assert!(same(form, COMPOSED));
        }
        assert_eq!(verify("Ubergro\u{df}e-1", Some(&hash)), Verdict::Wrong);
        assert!(!same(COMPOSED, "Ubergro\u{df}e-1"));
    }

    #[test]
    fn a_hash_of_another_form_is_opened_and_replaced() {
        for form in [COMPOSED, DECOMPOSED] {
            assert_eq!(verify(form, Some(&argon2_of(DECOMPOSED))), Verdict::RightButOutdated, "{form:?}");
        }
        assert_eq!(verify(MIXED, Some(&argon2_of(MIXED))), Verdict::RightButOutdated);
        assert_eq!(
            verify(COMPOSED, Some(&argon2_of(MIXED))),
            Verdict::Wrong,
            "nobody can guess which letters were which"
        );
    }

    #[test]
    fn the_rules_are_the_same_for_both_forms() {
        for count in [7, 8, 128, 129] {
            let composed = format!("A!{}", "\u{e9}".repeat(count - 2));
            let decomposed = format!("A!{}", "e\u{301}".repeat(count - 2));
            assert_eq!(kinds(&composed), kinds(&decomposed), "{count} characters");
            assert_eq!(kinds(&decomposed).is_empty(), (8..=128).contains(&count), "{count} characters");
        }
        // A combining accent is no special character of its own.
        assert_eq!(kinds("Abcdefge\u{301}"), ["password_no_special"]);
    }

    #[test]
    fn hashes_that_python_made_are_verified_and_outdated() {
        // bcrypt.hashpw(b"Correct-Horse", gensalt(4)) with each prefix, and argon2-cffi with weaker and stronger parameters.
        for hash in include_str!("../tests/python_hashes.txt").lines() {
            assert_eq!(verify("Correct-Horse", Some(hash)), Verdict::RightButOutdated, "{hash}");
            assert_eq!(verify("Wrong-Horse", Some(hash)), Verdict::Wrong, "{hash}");
        }
    }

    #[test]
    fn a_stored_text_that_is_no_hash_opens_nothing() {
        for text in ["", "$2b$", "$argon2id$", "plain", "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ"] {
            assert_eq!(verify("", Some(text)), Verdict::Wrong, "{text}");
        }
    }
}
