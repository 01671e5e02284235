//! Which path of the service behind a path of ours means.

use percent_encoding::percent_decode;

/// How often a path is decoded to see what it may turn into: services behind have been known to decode twice.
const MAX_DECODINGS: usize = 3;

/// A path that tries to be another.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct BadPath;

/// What follows the prefix: empty, or beginning with a slash. `None` when the path is not below the prefix.
pub(crate) fn below<'a>(prefix: &str, path: &'a str) -> Option<&'a str> {
    path.strip_prefix(prefix).filter(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Whether a path stays below its prefix whoever reads it, however often it is decoded.
///
/// # Errors
/// With `.` or `..` as a segment, an empty segment, a backslash or NUL, encoded or not; or with what some take for an encoding of
/// them: UTF-8 that is longer than need be, and `%u002e`.
pub(crate) fn check(rest: &str) -> Result<(), BadPath> {
    let mut current = rest.as_bytes().to_vec();
    for _ in 0..=MAX_DECODINGS {
        if is_bad(&current) {
            return Err(BadPath);
        }
        let decoded: Vec<u8> = percent_decode(&current).collect();
        if decoded == current {
            return Ok(());
        }
        current = decoded;
    }
    // Encoded more often than anybody has a reason to.
    Err(BadPath)
}

fn is_bad(path: &[u8]) -> bool {
    let is_bad_segment = |segment: &[u8]| {
        // What follows a semicolon is a parameter of the segment to some servers, and a query or a fragment may begin there to those that
        // decode first. Blanks at the end do not count on Windows.
        let until = |ends: &[u8]| segment.split(|byte| ends.contains(byte)).next().unwrap_or_default();
        until(b";") == b"." || until(b";?#").trim_ascii_end() == b".."
    };
    // Some drop these wherever they stand, as browsers do.
    let path: Vec<u8> = path.iter().copied().filter(|byte| !matches!(byte, b'\t' | b'\r' | b'\n')).collect();
    path.iter().any(|byte| matches!(byte, b'\\' | 0))
        || holds_overlong(&path)
        || path.windows(4).any(|window| window.eq_ignore_ascii_case(b"%u00"))
        || path.windows(2).any(|pair| pair == b"//")
        || path.split(|byte| *byte == b'/').any(is_bad_segment)
}

/// Whether a decoder that does not mind length finds one of the characters there that a path must not hide. In Latin-1 and other
/// encodings the same bytes are letters: `\xC1` alone, or before a character of ASCII, stays.
fn holds_overlong(path: &[u8]) -> bool {
    (0..path.len()).any(|start| {
        let rest = path.get(start..).unwrap_or_default();
        let Some((character, rest)) = overlong(rest) else { return false };
        match character {
            '.' | '/' | '\\' | '\0' => true,
            // A percent sign can begin the encoding of another.
            '%' => hexadecimal(rest).and_then(hexadecimal).is_some(),
            _ => false,
        }
    })
}

/// The character of ASCII that these bytes begin with, encoded in more bytes than it takes, and what follows.
fn overlong(bytes: &[u8]) -> Option<(char, &[u8])> {
    let (lead, rest) = bytes.split_first()?;
    let (lead, length) = match lead {
        0xc0 | 0xc1 => (lead & 1, 1),
        0xe0 => (0, 2),
        0xf0 => (0, 3),
        0xf8 => (0, 4),
        0xfc => (0, 5),
        _ => return None,
    };
    let (following, rest) = rest.split_at_checked(length)?;
    let character = following.iter().try_fold(u32::from(lead), |character, byte| {
        matches!(byte, 0x80..=0xbf).then(|| character << 6 | u32::from(byte & 0x3f))
    })?;
    Some((char::from_u32(character)?, rest))
}

/// What follows a hexadecimal digit, which may be overlong too.
fn hexadecimal(bytes: &[u8]) -> Option<&[u8]> {
    if let Some((digit, rest)) = overlong(bytes) {
        return digit.is_ascii_hexdigit().then_some(rest);
    }
    bytes.split_first().filter(|(digit, _)| digit.is_ascii_hexdigit()).map(|(_, rest)| rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_segments_make_a_prefix() {
        assert_eq!(below("/api/documents", "/api/documents"), Some(""));
        assert_eq!(below("/api/documents", "/api/documents/"), Some("/"));
        assert_eq!(below("/api/documents", "/api/documents/a/b"), Some("/a/b"));
        assert_eq!(below("/api/documents", "/api/documentsx"), None);
        assert_eq!(below("/api/documents", "/api"), None);
    }

    #[test]
    fn harmless_paths_pass() {
        for path in [
            "",
            "/",
            "/a",
            "/a/",
            "/a%20b",
            "/a%2Fb",
            "/..a",
            "/a..",
            "/...",
            "/%E4%B8%AD",
            "/100%",
            "/a;b=c",
            "/%25",
            // Latin-1.
            "/%C1rea.pdf",
            "/%C0%20propos.pdf",
            "/%C0",
            "/%C0/%C1.pdf",
            // GBK.
            "/%C0%A5%C3%F7.pdf",
            "/.%23lock.txt",
            "/%C1%C0",
            "/%E0.pdf",
            "/%F0%80",
            // What is as long as need be.
            "/%E0%A0%80",
            "/%C2%AE",
        ] {
            assert_eq!(check(path), Ok(()), "{path}");
        }
    }

    #[test]
    fn paths_that_lead_elsewhere_do_not() {
        for path in [
            "/..",
            "/../x",
            "/a/../b",
            "/.",
            "/a/./b",
            "/.;/b",
            "/%2e%2e/x",
            "/%2E./x",
            "/.%2e",
            "/%252e%252e/x",
            "/%25252e%25252e/x",
            "/..%2fx",
            "/a%2f..%2fb",
            "//x",
            "/a//b",
            "/a%2f/b",
            "/a/%2fb",
            "/..%5cx",
            "/a\\b",
            "/a%5cb",
            "/a%00b",
            "/..;/x",
            "/..;a=b/x",
            "/%2525252525252e",
            "/%c0%ae%c0%ae/x",
            "/a%c1%9cb",
            "/a%c0%afb",
            "/.%09./x",
            "/%2e%0a%2e/x",
            "/%0d/x",
            "/a%c0%80b",
            "/%c0%a52e%2e",
            "/%C0%A5%C0%B2%C1%85/",
            "/..%3Fa",
            "/..%23a",
            "/..%20",
            "/a/..%20;b/c",
            "/%25c0%25ae",
            "/%e0%80%ae%e0%80%ae/x",
            "/a%e0%80%afb",
            "/a%e0%81%9cb",
            "/%f0%80%80%ae",
            "/a%F0%80%80%AFb",
            "/%f8%80%80%80%ae",
            "/%fc%80%80%80%80%af",
            "/%C1%C0%AE",
            "/%u002e%u002e/x",
            "/%25u002E/x",
        ] {
            assert_eq!(check(path), Err(BadPath), "{path}");
        }
    }
}
