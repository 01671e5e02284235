//! Whether a client already has what it asks for.

use http::HeaderMap;
use http::header::IF_NONE_MATCH;

/// Whether `if-none-match` names this tag, which is given with its quotes (RFC 9110, section 13.1.2).
pub fn is_known(asked: &HeaderMap, etag: &str) -> bool {
    let values = asked.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let mut tags = values.flat_map(|value| value.split(',')).map(str::trim);
    tags.any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_known_in_every_form_that_a_client_may_send() {
        let asks = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(IF_NONE_MATCH, value.parse().unwrap());
            is_known(&headers, "\"abc\"")
        };
        assert!(["\"abc\"", "W/\"abc\"", "\"x\", \"abc\"", "*"].into_iter().all(asks));
        assert!(!["abc", "\"abcd\"", "\"x\"", ""].into_iter().any(asks));
        assert!(!is_known(&HeaderMap::new(), "\"abc\""));
    }
}
