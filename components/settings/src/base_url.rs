//! Where the AI service may be told to send prompts and the key: over https, or to an origin that the operator named.

use http::Uri;
use http::uri::{Authority, Scheme};

/// The longest, in characters.
pub(crate) const MAX_LENGTH: usize = 2048;

/// Scheme, host and port.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Origin {
    is_https: bool,
    /// Lower-cased.
    host: String,
    port: u16,
}

impl Origin {
    fn of(uri: &Uri) -> Option<Self> {
        let is_https = match uri.scheme()? {
            scheme if *scheme == Scheme::HTTPS => true,
            scheme if *scheme == Scheme::HTTP => false,
            _ => return None,
        };
        let authority = uri.authority()?;
        let host = authority.host().to_ascii_lowercase();
        // Whoever is named before an @ is no part of the address, and misleads who reads it.
        if host.is_empty() || authority.as_str().contains('@') {
            return None;
        }
        Some(Self { is_https, host, port: port(authority, is_https)? })
    }
}

/// `None` when something follows the host that is no port.
fn port(authority: &Authority, is_https: bool) -> Option<u16> {
    match authority.port_u16() {
        Some(port) => Some(port).filter(|port| *port > 0),
        None => authority.as_str().ends_with(authority.host()).then_some(if is_https { 443 } else { 80 }),
    }
}

/// Origins that are let through besides https.
#[derive(Clone, Debug, Default)]
pub(crate) struct Origins(Vec<Origin>);

impl Origins {
    /// From the variable `ai_origins`: between commas.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let origin = |entry: &str| {
            let uri: Uri = entry.parse().ok()?;
            let is_bare = matches!(uri.path_and_query().map(|rest| rest.as_str()), None | Some("/"));
            Origin::of(&uri).filter(|_| is_bare && !entry.contains('#'))
        };
        let entries = text.split(',').map(str::trim).filter(|entry| !entry.is_empty());
        let origins: Option<Vec<_>> = entries.map(origin).collect();
        origins.map(Self).ok_or_else(|| "is not a list of http://HOST:PORT between commas".to_owned())
    }

    /// Whether this may be the base URL.
    pub(crate) fn allow(&self, url: &str) -> bool {
        // Other programs read a backslash as a slash, and so another host than we do.
        let is_plain =
            url.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'\\' | b'#' | b'"' | b'<' | b'>'));
        let origin = url.parse::<Uri>().ok().filter(|_| is_plain).as_ref().and_then(Origin::of);
        origin.is_some_and(|origin| origin.is_https || self.0.contains(&origin))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_url_is_https_or_of_an_origin_that_the_operator_named() {
        let origins = Origins::parse("http://localhost:11434, http://ollama.internal").unwrap();
        for url in [
            "https://api.openai.com/v1",
            "HTTPS://api.example.com:8443/?api-version=2",
            "http://localhost:11434",
            "http://LOCALHOST:11434/v1",
            "http://ollama.internal:80/",
            "https://[2001:db8::1]:8443/v1",
        ] {
            assert!(origins.allow(url), "{url} was refused");
        }
        for url in [
            "",
            "api.openai.com",
            "/v1",
            "http://api.openai.com/v1",
            "http://localhost",
            "http://localhost:11434@evil.example/",
            "http://localhost:11434\\@evil.example/",
            "http://ollama.internal.evil.example/",
            "https://user:password@api.openai.com/",
            "https://@api.openai.com/",
            "https://",
            "https:///v1",
            "https://host:port/",
            "https://host:99999/",
            "https://host:/",
            "https://host/a b",
            "https://host/#fragment",
            "https://höst/",
            "ftp://localhost:11434/",
            "javascript:alert(1)",
            "file:///etc/passwd",
        ] {
            assert!(!origins.allow(url), "{url} passed");
        }
    }

    #[test]
    fn origins_are_bare() {
        assert!(Origins::parse("").unwrap().0.is_empty());
        assert!(Origins::parse("http://a:1/,").is_ok());
        for text in ["a", "http://a/path", "http://a?b", "http://u@a", "ftp://a", "http://a http://b", "http://a:x"] {
            assert!(Origins::parse(text).is_err(), "{text} passed");
        }
    }
}
