//! Whether a browser sent a request on behalf of a page of ours (API.md, section 2).
//!
//! It is asked where a cookie says who is calling: a browser sends cookies whoever's page asks it to. Where nobody is signed in yet,
//! a page of another site could still sign its visitors in to an account of its own, or use up the tries that they have: there a
//! weaker rule holds, as programs that are no browsers sign in with the same routes.

use http::header::{HeaderName, ORIGIN};
use http::request::Parts;
use http::uri::{Authority, Scheme};
use http::{HeaderMap, HeaderValue, Method, Uri};

use crate::error::{Error, Result};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

const REFUSED: Error = Error::Forbidden("csrf", "This was not sent by a page of this site");

/// Whose pages may act for the people who are signed in.
#[derive(Clone, Debug, Default)]
pub struct PublicOrigins(Vec<Origin>);

impl PublicOrigins {
    /// From the variable `public_origins`: between commas. None are the request's own host.
    ///
    /// # Errors
    /// When one is not of the form `https://HOST` or `https://HOST:PORT`.
    pub fn parse(text: &str) -> std::result::Result<Self, String> {
        let origins = text.split(',').map(str::trim).filter(|text| !text.is_empty()).map(Origin::parse);
        let origins = origins.collect::<Option<_>>();
        origins.map(Self).ok_or_else(|| "is not a list of https://HOST between commas".to_owned())
    }

    /// Nothing, unless the request changes something and no page of ours asked for it. For requests that a cookie authenticates. `called`
    /// is what the client called us.
    ///
    /// # Errors
    /// 403 `csrf`.
    pub(crate) fn check(&self, parts: &Parts, called: Option<&Authority>) -> Result<()> {
        if matches!(parts.method, Method::GET | Method::HEAD | Method::OPTIONS) {
            return Ok(());
        }
        let sent = Sent::of(&parts.headers)?;
        let is_ours = match (sent.site, &sent.origin) {
            (_, Some(origin)) if self.lists(origin) => true,
            (Some(site), _) => site == "same-origin",
            (None, Some(Some(origin))) if self.0.is_empty() => called.is_some_and(|called| origin.is_at(called)),
            (None, _) => false,
        };
        if is_ours { Ok(()) } else { Err(REFUSED) }
    }

    /// Nothing, unless a page of another site asked for the request. For requests of people who are not signed in.
    ///
    /// A request that says nothing of where it comes from passes: programs that are no browsers send such ones. So does one whose
    /// origin is another host while no public origins are given: behind a proxy that does not pass the browser's `Host` on, a page
    /// of ours looks the same.
    ///
    /// # Errors
    /// 403 `csrf`.
    pub(crate) fn check_anonymous(&self, parts: &Parts) -> Result<()> {
        let sent = Sent::of(&parts.headers)?;
        let may_be_ours = match (sent.site, &sent.origin) {
            (_, Some(origin)) if self.lists(origin) => true,
            (Some(site), _) => matches!(site, "same-origin" | "none"),
            (None, Some(_)) => self.0.is_empty(),
            (None, None) => true,
        };
        if may_be_ours { Ok(()) } else { Err(REFUSED) }
    }

    /// Whether one of them is at this host and port.
    pub fn are_at(&self, authority: &Authority) -> bool {
        self.0.iter().any(|origin| origin.is_at(authority))
    }

    fn lists(&self, origin: &Option<Origin>) -> bool {
        origin.as_ref().is_some_and(|origin| self.0.contains(origin))
    }
}

/// What a browser says of the page that asked for a request. Browsers write these headers themselves; pages cannot.
struct Sent<'a> {
    /// `sec-fetch-site`, if it is there: empty when it is not text.
    site: Option<&'a str>,
    /// `origin`, if it is there: nothing in it when it is no origin, as `null` is none.
    origin: Option<Option<Origin>>,
}

impl<'a> Sent<'a> {
    /// A browser writes one of each at most: who sends two wants one of them to be overlooked.
    fn of(headers: &'a HeaderMap) -> Result<Self> {
        let only = |name: HeaderName| {
            let mut values = headers.get_all(name).iter();
            match (values.next(), values.next()) {
                (first, None) => Ok(first.map(|value: &'a HeaderValue| value.to_str().unwrap_or_default())),
                (_, Some(_)) => Err(REFUSED),
            }
        };
        Ok(Self { site: only(SEC_FETCH_SITE)?, origin: only(ORIGIN)?.map(Origin::parse) })
    }
}

/// Scheme, host and port. Two are equal however they are written: in upper case, or with the port that their scheme has anyway.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Origin {
    scheme: Scheme,
    host: String,
    port: u16,
}

impl Origin {
    /// `None` when it is not of the form `https://HOST` or `https://HOST:PORT`.
    fn parse(text: &str) -> Option<Self> {
        let uri: Uri = text.parse().ok()?;
        // What has no scheme is no origin, though it may be a URI.
        let scheme = uri.scheme()?;
        let is_bare = matches!(uri.path_and_query().map(|rest| rest.as_str()), None | Some("/"));
        let (host, port) = host_and_port(uri.authority()?, default_port(scheme)?).filter(|_| is_bare)?;
        Some(Self { scheme: scheme.clone(), host, port })
    }

    /// Whether the request was sent to this host and port. A proxy may have taken TLS off on the way, so the scheme with which the
    /// request arrived says nothing: a port that is not written is that of the origin's own scheme.
    fn is_at(&self, called: &Authority) -> bool {
        let own = default_port(&self.scheme).and_then(|port| host_and_port(called, port));
        own.is_some_and(|(host, port)| host == self.host && port == self.port)
    }
}

fn default_port(scheme: &Scheme) -> Option<u16> {
    match scheme.as_str() {
        "http" => Some(80),
        "https" => Some(443),
        _ => None,
    }
}

/// `None` when there is more in it, a user's name say, or the port is none.
fn host_and_port(authority: &Authority, default_port: u16) -> Option<(String, u16)> {
    let port = match authority.as_str().strip_prefix(authority.host())? {
        "" => default_port,
        port => port.strip_prefix(':')?.parse().ok()?,
    };
    Some((authority.host().to_lowercase(), port)).filter(|(host, _)| !host.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: &str = "http://desk.example.com:3000";

    fn request(uri: &str, method: &str, headers: &[(&str, &str)]) -> Parts {
        let request = http::Request::builder().method(method).uri(format!("{uri}/api"));
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        request.body(()).unwrap().into_parts().0
    }

    fn passes(origins: &str, method: &str, headers: &[(&str, &str)]) -> bool {
        let request = request(OWN, method, headers);
        PublicOrigins::parse(origins).unwrap().check(&request, request.uri.authority()).is_ok()
    }

    fn passes_anonymously(origins: &str, headers: &[(&str, &str)]) -> bool {
        PublicOrigins::parse(origins).unwrap().check_anonymous(&request(OWN, "POST", headers)).is_ok()
    }

    #[test]
    fn a_request_that_changes_nothing_passes_from_everywhere() {
        for method in ["GET", "HEAD", "OPTIONS"] {
            assert!(passes("", method, &[("sec-fetch-site", "cross-site"), ("origin", "https://evil.example")]));
        }
    }

    #[test]
    fn a_listed_origin_passes_whatever_sec_fetch_site_says() {
        let listed = ("origin", "https://app.example.com");
        for site in ["same-origin", "same-site", "cross-site", "none", ""] {
            assert!(passes("https://app.example.com", "POST", &[("sec-fetch-site", site), listed]), "{site}");
        }
        assert!(passes("https://app.example.com", "POST", &[listed]));
        let other = ("origin", "https://evil.example");
        assert!(!passes("https://app.example.com", "POST", &[("sec-fetch-site", "cross-site"), other]));
    }

    #[test]
    fn for_any_other_origin_sec_fetch_site_decides_where_it_is_sent() {
        let own = ("origin", OWN);
        for origins in ["", "https://app.example.com"] {
            assert!(passes(origins, "POST", &[("sec-fetch-site", "same-origin")]));
            assert!(passes(origins, "POST", &[("sec-fetch-site", "same-origin"), ("origin", "https://evil.example")]));
            assert!(passes(origins, "POST", &[("sec-fetch-site", "same-origin"), ("origin", "null")]));
            for site in ["none", "same-site", "cross-site", "", "same-origin, same-origin", "Same-Origin"] {
                assert!(!passes(origins, "POST", &[("sec-fetch-site", site), own]), "{site}");
                assert!(!passes(origins, "POST", &[("sec-fetch-site", site)]), "{site}");
            }
        }
    }

    #[test]
    fn without_sec_fetch_site_the_origin_must_be_listed_or_the_own_host() {
        assert!(passes("", "DELETE", &[("origin", OWN)]));
        assert!(passes("", "DELETE", &[("origin", "https://DESK.example.com:3000")]));
        for origin in [
            "http://desk.example.com",
            "http://evil.example",
            "http://ada@desk.example.com:3000",
            "http://desk.example.com:3000/path",
            "ftp://desk.example.com:3000",
            "null",
            "",
            "desk.example.com:3000",
            "https://",
        ] {
            assert!(!passes("", "DELETE", &[("origin", origin)]), "{origin}");
        }
        let public = "https://desk.example.com, https://app.example.com/";
        assert!(passes(public, "PUT", &[("origin", "https://app.example.com")]));
        assert!(!passes(public, "PUT", &[("origin", OWN)]));
        assert!(!passes(public, "PUT", &[("origin", "http://app.example.com")]));
    }

    #[test]
    fn a_request_with_a_cookie_that_says_nothing_of_its_page_is_refused() {
        assert!(!passes("", "PUT", &[]));
        assert!(!passes("https://app.example.com", "PUT", &[]));
    }

    #[test]
    fn repeated_headers_never_pass() {
        let (own, site, evil) = (("origin", OWN), ("sec-fetch-site", "same-origin"), ("origin", "http://evil.example"));
        for headers in [
            &[own, evil][..],
            &[own, own],
            &[site, own, own],
            &[site, site],
            &[site, ("sec-fetch-site", "cross-site"), own],
        ] {
            for origins in ["", OWN] {
                assert!(!passes(origins, "PUT", headers), "{headers:?}");
                assert!(!passes_anonymously(origins, headers), "{headers:?}");
            }
        }
    }

    #[test]
    fn hosts_and_origins_are_compared_with_their_default_ports() {
        let none = PublicOrigins::default();
        for (host, origin, is_own) in [
            ("http://x", "https://x", true),
            ("http://x", "https://x:443", true),
            ("http://x:443", "https://x", true),
            ("http://x:80", "http://x", true),
            ("http://x", "http://x:80", true),
            ("http://x:80", "https://x", false),
            ("http://x", "http://x:443", false),
            ("http://x", "http://x:", false),
            ("http://x", "http://x:99999", false),
            ("http://[::1]:80", "http://[::1]", true),
        ] {
            let request = request(host, "PUT", &[("origin", origin)]);
            assert_eq!(none.check(&request, request.uri.authority()).is_ok(), is_own, "{origin} at {host}");
        }
        for (listed, origin, is_listed) in [
            ("https://x", "https://x:443", true),
            ("https://x:443", "HTTPS://X", true),
            ("http://x:80", "http://x", true),
            ("http://x", "https://x", false),
            ("https://x:80", "http://x:80", false),
        ] {
            assert_eq!(passes(listed, "PUT", &[("origin", origin)]), is_listed, "{origin} of {listed}");
        }
    }

    #[test]
    fn nobody_signs_in_from_a_page_of_another_site() {
        for site in ["cross-site", "same-site", "", "same-origin, cross-site"] {
            for origins in ["", "https://app.example.com"] {
                let evil = ("origin", "https://evil.example");
                assert!(!passes_anonymously(origins, &[("sec-fetch-site", site), evil]), "{site}");
                assert!(!passes_anonymously(origins, &[("sec-fetch-site", site)]), "{site}");
            }
            let listed = ("origin", "https://app.example.com");
            assert!(passes_anonymously("https://app.example.com", &[("sec-fetch-site", site), listed]), "{site}");
            // The own host is not listed when others are, and is not looked at where the browser says what it is to the page.
            assert!(!passes_anonymously("", &[("sec-fetch-site", site), ("origin", OWN)]), "{site}");
        }
    }

    #[test]
    fn anybody_signs_in_from_a_page_of_ours_or_from_the_address_bar() {
        for origins in ["", "https://app.example.com"] {
            for site in ["same-origin", "none"] {
                assert!(passes_anonymously(origins, &[("sec-fetch-site", site)]), "{site}");
                let origin = ("origin", "http://localhost:5173");
                assert!(passes_anonymously(origins, &[("sec-fetch-site", site), origin]), "{site}");
            }
        }
    }

    #[test]
    fn without_sec_fetch_site_nobody_signs_in_from_an_origin_beside_those_that_are_listed() {
        let public = "https://app.example.com";
        assert!(passes_anonymously(public, &[("origin", "https://app.example.com:443")]));
        for origin in ["https://evil.example", "http://app.example.com", OWN, "null", ""] {
            assert!(!passes_anonymously(public, &[("origin", origin)]), "{origin}");
            // A proxy may have changed the host that was asked for.
            assert!(passes_anonymously("", &[("origin", origin)]), "{origin}");
        }
    }

    #[test]
    fn a_program_that_sends_neither_header_signs_in() {
        assert!(passes_anonymously("", &[]));
        assert!(passes_anonymously("https://app.example.com", &[]));
    }

    #[test]
    fn public_origins_are_bare() {
        for text in ["", "https://desk.example.com/", "http://localhost:5173,https://[::1]:8443"] {
            assert!(PublicOrigins::parse(text).is_ok(), "{text} was refused");
        }
        for text in [
            "desk.example.com",
            "https://desk.example.com/app",
            "https://desk.example.com?x",
            "https://ada@desk.example.com",
            "https://desk.example.com:",
            "ftp://desk.example.com",
            "https://desk.example.com, null",
            "*",
        ] {
            assert!(PublicOrigins::parse(text).is_err(), "{text} passed");
        }
    }
}
