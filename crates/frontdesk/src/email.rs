//! E-mail addresses: ASCII, kept trimmed and lower-cased, so that two spellings of one address are one account.

use email_address::{EmailAddress, Options};

/// The longest address that can be delivered to (RFC 5321, 4.5.3.1.3, less the angle brackets).
const MAX_LENGTH: usize = 254;

/// The address as it is stored and compared.
///
/// # Errors
/// A text for people when it is no address that mail can be sent to.
pub fn parse(text: &str) -> Result<String, &'static str> {
    let address = text.trim().to_ascii_lowercase();
    let options = Options::default().with_required_tld().without_display_text().without_domain_literal();
    if !address.is_ascii() {
        Err("An e-mail address may hold ASCII characters only")
    } else if address.len() > MAX_LENGTH {
        Err("An e-mail address has at most 254 characters")
    } else if address.contains('"') || EmailAddress::parse_with_options(&address, options).is_err() {
        Err("This is not a valid e-mail address")
    } else {
        Ok(address)
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn an_address_is_trimmed_and_lower_cased() {
        assert_eq!(parse("  Ada@Example.COM\n"), Ok("ada@example.com".to_owned()));
    }

    #[test]
    fn what_mail_cannot_be_sent_to_is_refused() {
        let long = format!("{}@example.com", "a".repeat(250));
        for text in ["", "ada", "ada@", "@example.com", "ada@example", "a b@example.com", "ada@exämple.com", &long] {
            assert!(parse(text).is_err(), "{text:?} was taken for an address");
        }
        for text in ["\"ada b\"@example.com", "Ada <ada@example.com>", "ada@[127.0.0.1]", "ada\0@example.com"] {
            assert!(parse(text).is_err(), "{text:?} was taken for an address");
        }
    }
}
