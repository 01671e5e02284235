//! The URL that a request asks for: as the client has it, and as the service behind has it.

use std::net::IpAddr;

use frontdesk::csrf::PublicOrigins;
use frontdesk::{Error, Result};
use http::Uri;
use http::uri::Authority;
use percent_encoding::percent_decode_str;
use url::{Host, Position, Url};

/// What the references in headers are relative to. URLs are read as browsers read them (WHATWG, URL Standard).
pub(crate) struct Asked<'a> {
    /// As the client has it.
    pub(crate) here: Url,
    /// As the service has it.
    pub(crate) there: Url,
    public: &'a PublicOrigins,
}

impl<'a> Asked<'a> {
    /// `scheme` and `called` are those that the client called us by, and `target` is where the service is asked for `uri`.
    ///
    /// # Errors
    /// When the service is at no URL that browsers can read.
    pub(crate) fn new(
        scheme: &str,
        called: Option<&Authority>,
        uri: &Uri,
        target: &Uri,
        public: &'a PublicOrigins,
    ) -> Result<Self> {
        let there = Url::parse(&target.to_string()).map_err(Error::internal)?;
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let at = |host: &str| Url::parse(&format!("{scheme}://{host}{path}"));
        let called = called.and_then(|called| at(called.as_str()).ok());
        // Who calls us by no name that a browser can read is at a name that nobody has.
        let here = called.map_or_else(|| at("frontdesk.invalid"), Ok).map_err(Error::internal)?;
        Ok(Self { here, there, public })
    }

    /// Whether a URL is at one of the hosts that are ours: what the client called us, which the service has been told, and the public
    /// ones. The scheme is not compared, because a proxy may have taken TLS off.
    pub(crate) fn is_ours(&self, url: &Url) -> bool {
        let port = |url: &Url| url.port().filter(|port| !matches!(port, 80 | 443));
        let is_called = is_same_host(url, &self.here) && port(url) == port(&self.here);
        let authority = url[Position::BeforeHost..Position::AfterPort].parse();
        is_called || authority.is_ok_and(|authority| self.public.are_at(&authority))
    }

    /// Whether a URL is at the service. So is one at another port of its machine, unless that is where we are too: the port that the
    /// service knows may be another than the one that it is reached by.
    pub(crate) fn is_behind(&self, url: &Url) -> bool {
        let is_at = url.port_or_known_default() == self.there.port_or_known_default();
        is_same_host(url, &self.there) && (is_at || !self.is_ours(url) && !self.is_beside())
    }

    /// Whether a text holds the address of the service: its host with its port, its host in a URL, or its host as a word of its own. A
    /// host that is one word and no address may be any word. Where the client calls the same host, only the port tells them apart.
    pub(crate) fn is_named_in(&self, text: &str) -> bool {
        let text = percent_decode_str(text).decode_utf8_lossy().to_ascii_lowercase();
        let (Some(host), Some(port)) = (self.there.host_str(), self.there.port_or_known_default()) else {
            return false;
        };
        let host = host.trim_end_matches('.');
        let port = format!(":{port}");
        self.is_address_in(&text) && !self.is_beside()
            || text.match_indices(host).any(|(start, _)| {
                let (before, rest) = text.split_at(start);
                let after = rest.strip_prefix(host).unwrap_or_default();
                let after = after.strip_prefix('.').unwrap_or(after);
                if before.ends_with(is_of_host) || after.starts_with(is_of_host) {
                    return false;
                }
                let has_port = after
                    .strip_prefix(&port)
                    .is_some_and(|after| !after.starts_with(|letter: char| letter.is_ascii_digit()));
                let is_after_user = before.ends_with('@')
                    && before.rsplit(char::is_whitespace).next().is_some_and(|word| word.contains("//"));
                let is_url = before.ends_with("//") || is_after_user;
                // Not a part of a path, as a name may be, or of an address of e-mail.
                let is_in_path = before.ends_with('/') && matches!(self.there.host(), Some(Host::Domain(_)));
                let is_word = host.contains(['.', ':']) && !is_in_path && !before.ends_with('@');
                has_port || (is_url || is_word) && !self.is_beside()
            })
    }

    /// Whether a text holds the address of the service, if it has no name: in any spelling, with a port or without.
    fn is_address_in(&self, text: &str) -> bool {
        let address = match self.there.host() {
            Some(Host::Ipv4(address)) => IpAddr::from(address),
            Some(Host::Ipv6(address)) => address.to_canonical(),
            _ => return false,
        };
        let is_it = |text: &str| text.parse::<IpAddr>().is_ok_and(|other| other.to_canonical() == address);
        let words = text.split(|letter: char| !(letter.is_ascii_hexdigit() || matches!(letter, ':' | '.')));
        words.into_iter().any(|word| {
            let without_port = word.rsplit_once(':').map(|(host, _)| host);
            let without_label = word.split_once(':').map(|(_, host)| host);
            [Some(word), without_port, without_label].into_iter().flatten().any(is_it)
        })
    }

    /// Whether the client calls the machine that the service is on, as in development.
    fn is_beside(&self) -> bool {
        is_same_host(&self.here, &self.there)
    }
}

/// What a reference in a header leads to. One like `http:x` is a path or names a host, by which scheme it is relative to: here it names a
/// host, as that is what it could give away.
pub(crate) fn resolve(base: &Url, reference: &str) -> Option<Url> {
    Url::parse(reference).or_else(|_| base.join(reference)).ok()
}

/// Whether a URL is one of the web's.
pub(crate) fn is_web(url: &Url) -> bool {
    matches!(url.scheme(), "http" | "https")
}

fn is_same_host(one: &Url, other: &Url) -> bool {
    host(one).is_some_and(|one| Some(one) == host(other))
}

/// The host in one spelling: the parser leaves a dot at its end, and IPv4 within IPv6.
fn host(url: &Url) -> Option<String> {
    Some(match url.host()? {
        Host::Ipv6(address) => address.to_canonical().to_string(),
        host => host.to_string().trim_end_matches('.').to_ascii_lowercase(),
    })
}

fn is_of_host(letter: char) -> bool {
    letter.is_alphanumeric() || matches!(letter, '.' | '-' | '_')
}

#[cfg(test)]
impl<'a> Asked<'a> {
    /// Of the client's URL and the service's.
    pub(crate) fn of(here: &str, there: &str, public: &'a PublicOrigins) -> Self {
        Self { here: Url::parse(here).unwrap(), there: Url::parse(there).unwrap(), public }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_that_calls_us_by_no_readable_name_is_at_a_name_that_nobody_has() {
        let public = PublicOrigins::default();
        let (uri, target) =
            (Uri::from_static("/api/documents/7?a"), Uri::from_static("http://docs:8001/documents/7?a"));
        for (called, here) in [
            (Some("desk.example.com:81"), "https://desk.example.com:81/api/documents/7?a"),
            (Some("desk.example.com:99999"), "https://frontdesk.invalid/api/documents/7?a"),
            (None, "https://frontdesk.invalid/api/documents/7?a"),
        ] {
            let called = called.map(|called| called.parse::<Authority>().unwrap());
            let asked = Asked::new("https", called.as_ref(), &uri, &target, &public).unwrap();
            assert_eq!((asked.here.as_str(), asked.there.as_str()), (here, "http://docs:8001/documents/7?a"));
        }
    }

    #[test]
    fn a_text_holds_the_address_of_the_service_or_a_name_that_looks_like_it() {
        let holds = |here: &str, there: &str, text: &str| {
            let public = PublicOrigins::default();
            Asked::of(here, there, &public).is_named_in(text)
        };
        let name = "http://docs.internal:8001/documents/7";
        for text in [
            "http://docs.internal:8001/xmlrpc",
            "docs.internal:8001",
            "DOCS.internal.:8001",
            "//docs.internal/x",
            "https://docs.internal:9000",
            "http%3A%2F%2Fdocs.internal%3A8001%2F",
            "docs.internal",
            "1.1 docs.internal (nginx)",
            "origin=docs.internal, cache=a",
            "docs.internal:9000",
            "default-src http://docs.internal:8001",
        ] {
            assert!(holds("https://desk.example.com/", name, text), "{text} passed");
        }
        for text in [
            "",
            "docs.internal.example.com",
            "//docs.internal.example.com/",
            "olddocs.internal:8001",
            "my-docs.internal:8001",
            "docs.internals",
            "ada@docs.internal",
            "/srv/docs.internal/7",
            "https://example.com/docs.internal",
        ] {
            assert!(!holds("https://desk.example.com/", name, text), "{text} was found");
        }

        let word = "http://docs/documents/7";
        for text in ["//docs", "//docs./x", "docs:80", "http://docs:9000/"] {
            assert!(holds("https://desk.example.com/", word, text), "{text} passed");
        }
        for text in ["docs", "attachment; filename=docs.pdf", "//docs.example.com", "docs:8080", "/docs/7", "docs:800"]
        {
            assert!(!holds("https://desk.example.com/", word, text), "{text} was found");
        }

        let beside = "http://127.0.0.1:8001/documents/7";
        assert!(holds("http://127.0.0.1:3000/", beside, "http://127.0.0.1:8001/x"));
        for text in ["http://127.0.0.1:3000/x", "127.0.0.1", "http://127.0.0.1:80010/"] {
            assert!(!holds("http://127.0.0.1:3000/", beside, text), "{text} was found");
        }
        assert!(holds("https://desk.example.com/", "http://[::1]:8001/", "for http://[::1]:8001/"));
        for text in ["http://u@10.0.0.7/", "docs/10.0.0.7", "10.0.0.7"] {
            assert!(holds("https://desk.example.com/", "http://10.0.0.7/", text), "{text} passed");
        }
        for text in [
            "fd00::7",
            "for=fd00::7;by=x",
            "addr:fd00::7",
            "fd00:0:0:0:0:0:0:7 (nginx)",
            "[FD00::7]",
            "http://[fd00::7]:8001/x",
        ] {
            assert!(holds("https://desk.example.com/", "http://[fd00::7]:8001/", text), "{text} passed");
        }
        assert!(holds("https://desk.example.com/", "http://10.0.0.7/", "::ffff:a00:7"));
        for text in ["110.0.0.7", "10.0.0.70", "10.0.0.7.1", "fd00::71", "node::7", "12:10:07"] {
            for there in ["http://10.0.0.7/", "http://[fd00::7]:8001/"] {
                assert!(!holds("https://desk.example.com/", there, text), "{text} was found");
            }
        }
    }
}
