//! The password of an account that an administrator makes: random, told once, and good until its owner chooses another one.

use frontdesk::{Error, Result};

/// Capital letters and digits that nobody takes for each other; without vowels they spell no word.
const LETTERS: &[u8; 28] = b"BCDFGHJKLMNPQRSTVWXZ23456789";
/// How many groups of how many letters: 96 bits.
const GROUPS: usize = 4;
const GROUP: usize = 5;

/// A new one, which keeps the rules for passwords.
///
/// # Errors
/// When there is no randomness.
pub(crate) fn new() -> Result<String> {
    let mut groups = Vec::new();
    for _ in 0..GROUPS {
        let mut group = String::new();
        while group.len() < GROUP {
            let mut byte = [0];
            getrandom::fill(&mut byte).map_err(Error::internal)?;
            // From the last multiple of their number on, the first letters would come up more often.
            let [byte] = byte.map(usize::from);
            let letter = if byte < LETTERS.len() * 9 { LETTERS.get(byte % LETTERS.len()) } else { None };
            group.extend(letter.map(|letter| char::from(*letter)));
        }
        groups.push(group);
    }
    Ok(groups.join("-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_another_one_and_keeps_the_rules() {
        let (one, other) = (new().unwrap(), new().unwrap());
        assert_ne!(one, other);
        assert_eq!(one.len(), GROUPS * (GROUP + 1) - 1);
        assert!(frontdesk::password::broken_rules(&one).is_empty(), "{one}");
    }
}
