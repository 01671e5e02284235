//! Which path of the service behind a path of ours means.

use percent_encoding::percent_decode_str;

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
/// them: UTF-8 longer than need be, and `%u002e`.
pub(crate) fn check(rest: &str) -> Result<(), BadPath> {
    let mut current = rest.as_bytes().to_vec();
    for _ in 0..=MAX_DECODINGS {
        if is_bad(&current) {
            return Err(BadPath);
        }
        let text = String::from_utf8_lossy(&current).into_owned();
        let decoded: Vec<u8> = percent_decode_str(&text).collect();
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
        // What follows a semicolon is a parameter of the segment to some servers.
        let name = segment.split(|byte| *byte == b';').next().unwrap_or_default();
        matches!(name, b"." | b"..")
    };
    // Bytes that begin nothing in UTF-8 but an ASCII character in two bytes.
    let is_forbidden = |byte: &u8| matches!(byte, b'\\' | 0 | 0xc0 | 0xc1);
    path.iter().any(is_forbidden)
        || path.windows(4).any(|window| window.eq_ignore_ascii_case(b"%u00"))
        || path.windows(2).any(|pair| pair == b"//")
        || path.split(|byte| *byte == b'/').any(is_bad_segment)
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
        for path in
            ["", "/", "/a", "/a/", "/a%20b", "/a%2Fb", "/..a", "/a..", "/...", "/%E4%B8%AD", "/100%", "/a;b=c", "/%25"]
        {
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
            "/%u002e%u002e/x",
            "/%25u002E/x",
        ] {
            assert_eq!(check(path), Err(BadPath), "{path}");
        }
    }
}
