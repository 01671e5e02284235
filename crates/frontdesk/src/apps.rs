//! Apps: how they are called, and who may use one.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

/// The key of an app, or of a service: a letter, then letters, digits and dashes, 63 at most, all lower-case.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Key(String);

impl Key {
    /// What is said of a text that is none.
    pub const RULE: &'static str = "A key has 1 to 63 of a-z, 0-9 and -, and begins with a letter";

    /// From a path, a body or a variable.
    ///
    /// # Errors
    /// [`Self::RULE`].
    pub fn parse(text: &str) -> Result<Self, String> {
        let is_key = text.len() <= 63
            && text.starts_with(|letter: char| letter.is_ascii_lowercase())
            && text.bytes().all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == b'-');
        if is_key { Ok(Self(text.to_owned())) } else { Err(Self::RULE.to_owned()) }
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// As text, to keep.
    pub fn into_string(self) -> String {
        self.0
    }
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_short_and_plain() {
        let longest = "a".repeat(63);
        for text in ["a", "documents", "a-1", "a--", &longest] {
            assert_eq!(Key::parse(text).unwrap().as_str(), text);
        }
        let too_long = "a".repeat(64);
        for text in ["", "1a", "-a", "A", "a_b", "a.b", "ä", "a ", &too_long] {
            assert!(Key::parse(text).is_err(), "{text:?} passed");
        }
    }
}
