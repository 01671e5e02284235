//! Passwords: the rules for a new one, and hashing.
//!
//! Hashes are Argon2id PHC strings with the parameters that OWASP gives first (19 MiB, two passes, one lane). Older Argon2
//! hashes and bcrypt hashes of the systems that Frontdesk replaces are verified, and the caller stores a new hash then.

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher as _, PasswordVerifier as _, Version};

const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;

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

/// The rules that a new password breaks, all of them.
pub fn broken_rules(password: &str) -> Vec<BrokenRule> {
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

/// Hashes a password with a new salt. Costs about 30 ms of CPU under Spin.
///
/// # Errors
/// When there is no memory or no randomness.
pub fn hash(password: &str) -> Result<String, HashError> {
    let hash: PasswordHash =
        hasher().hash_password(password.as_bytes()).map_err(|error| HashError(error.to_string()))?;
    Ok(hash.to_string())
}

/// What [`verify`] found.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// The wrong password, or nothing to compare it with.
    Wrong,
    /// The right one.
    Right,
    /// The right one, but the stored hash is weaker than what [`hash`] makes: store a new one.
    RightButOutdated,
}

/// Compares a password with a stored hash; `None` (no such account) takes as long as the wrong password.
pub fn verify(password: &str, stored: Option<&str>) -> Verdict {
    let hash = stored.unwrap_or(DUMMY_HASH);
    if hash.starts_with("$2") {
        return match bcrypt::verify(password, hash) {
            Ok(true) => Verdict::RightButOutdated,
            Ok(false) | Err(_) => Verdict::Wrong,
        };
    }
    let Ok(parsed) = PasswordHash::new(hash) else { return Verdict::Wrong };
    // The parameters are the stored hash's own: `verify_password` takes them from there.
    match hasher().verify_password(password.as_bytes(), &parsed) {
        Ok(()) if stored.is_none() => Verdict::Wrong,
        Ok(()) if is_current(&parsed) => Verdict::Right,
        Ok(()) => Verdict::RightButOutdated,
        Err(_) => Verdict::Wrong,
    }
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
