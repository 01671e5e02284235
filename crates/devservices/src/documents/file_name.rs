//! The names of documents. They are shown and sent, and never become part of a path.

use http::HeaderValue;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::{Error, Result};

/// How long a name may be, in bytes: what file systems take.
const MAX: usize = 255;
/// All but `attr-char` (RFC 8187, section 3.2.1).
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'!')
    .remove(b'#')
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b'-')
    .remove(b'.')
    .remove(b'^')
    .remove(b'_')
    .remove(b'`')
    .remove(b'|')
    .remove(b'~');

/// A name as a client gives it, without the folders that some clients put before it.
pub(super) fn parse(given: &str) -> Result<String> {
    let name = given.rsplit(['/', '\\']).next().unwrap_or_default().trim();
    if name.is_empty() || name.len() > MAX || name.contains(char::is_control) {
        return Err(Error::Invalid(format!("The file must have a name of 1 to {MAX} bytes")));
    }
    Ok(name.to_owned())
}

/// A name from a header: percent-encoded UTF-8.
pub(super) fn decode(header: &HeaderValue) -> Result<String> {
    let encoded = header.to_str().ok().map(|text| percent_decode_str(text).decode_utf8());
    let Some(Ok(name)) = encoded else { return Err(Error::invalid("x-file-name must be percent-encoded UTF-8")) };
    parse(&name)
}

/// `content-disposition` for a download under this name (RFC 6266): once in ASCII for old clients, once as it is.
pub(super) fn disposition(name: &str) -> String {
    let is_plain = |character: &char| matches!(character, ' '..='~') && !matches!(character, '"' | '\\' | '%');
    let plain: String = name.chars().map(|character| if is_plain(&character) { character } else { '_' }).collect();
    format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{}", utf8_percent_encode(name, ENCODED))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_no_folders() {
        assert_eq!(parse("C:\\fakepath\\a b.pdf").unwrap(), "a b.pdf");
        assert_eq!(parse("../../etc/passwd").unwrap(), "passwd");
        for given in ["", " ", "a/", "a\nb", "\0", &"x".repeat(256)] {
            assert!(parse(given).is_err(), "{given:?} passed");
        }
    }

    #[test]
    fn a_disposition_can_be_read_by_old_and_new_clients() {
        assert_eq!(
            disposition("Gehälter \"2026\" 100%.pdf"),
            "attachment; filename=\"Geh_lter _2026_ 100_.pdf\"; filename*=UTF-8''Geh%C3%A4lter%20%222026%22%20100%25.pdf"
        );
    }
}
