//! E-mail addresses: ASCII, kept lower-cased and without what cannot be seen at their ends, so that two spellings of one address are one account.

use email_address::{EmailAddress, Options};

use crate::text::is_invisible;

/// The longest address that can be delivered to (RFC 5321, 4.5.3.1.3, less the angle brackets).
const MAX_LENGTH: usize = 254;

/// The address as it is stored and compared.
///
/// # Errors
/// A text for people when it is no address that mail can be sent to.
pub fn parse(text: &str) -> Result<String, &'static str> {
    let visible = text.trim_matches(|letter: char| letter.is_whitespace() || is_invisible(letter));
    let address = visible.to_ascii_lowercase();
    let options = Options::default().with_required_tld().without_display_text().without_domain_literal();
    if !address.is_ascii() {
        Err("An e-mail address may hold ASCII characters only")
    } else if address.len() > MAX_LENGTH {
        Err("An e-mail address has at most 254 characters")
    } else if EmailAddress::parse_with_options(&address, options).is_err() || !is_deliverable(&address) {
        Err("This is not a valid e-mail address")
    } else {
        Ok(address)
    }
}

/// Beyond the grammar of RFC 5322: no quoted local part, and a domain that can be in the DNS (RFC 1123, 2.1), whose last label
/// is no number, so that an IP address is none.
fn is_deliverable(address: &str) -> bool {
    let Some((local, domain)) = address.rsplit_once('@') else { return false };
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let ends_with_a_name = domain.rsplit('.').next().is_some_and(|last| last.bytes().any(|b| b.is_ascii_alphabetic()));
    !local.contains('"') && domain.split('.').all(is_label) && ends_with_a_name
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn an_address_is_trimmed_and_lower_cased() {
        assert_eq!(parse("  Ada@Example.COM\n"), Ok("ada@example.com".to_owned()));
    }

    #[test]
    fn an_address_loses_invisible_characters_at_its_ends() {
        for text in ["\u{200b}ada@example.com", "ada@example.com\u{feff} \u{2060}", "\u{202a} ada@example.com\u{202c}"]
        {
            assert_eq!(parse(text), Ok("ada@example.com".to_owned()), "{text:?}");
        }
        assert!(parse("ada\u{200b}@example.com").is_err(), "inside it means another address");
    }

    #[test]
    fn what_mail_cannot_be_sent_to_is_refused() {
        let long = format!("{}@example.com", "a".repeat(250));
        for text in ["", "ada", "ada@", "@example.com", "ada@example", "a b@example.com", "ada@exämple.com", &long] {
            assert!(parse(text).is_err(), "{text:?} was taken for an address");
        }
        for text in ["ada@1.2.3.4", "ada@exa_mple.com", "ada@example.123", "ada@-example.com", "ada@example..com"] {
            assert!(parse(text).is_err(), "{text:?} was taken for an address");
        }
        for text in ["\"ada b\"@example.com", "Ada <ada@example.com>", "ada@[127.0.0.1]", "ada\0@example.com"] {
            assert!(parse(text).is_err(), "{text:?} was taken for an address");
        }
    }
}
