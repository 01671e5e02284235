//! Whether a browser sent a request on behalf of a page of ours (API.md, section 2). It is asked where a cookie says who is calling:
//! a browser sends cookies whoever's page asks it to.

use http::header::{HeaderName, ORIGIN};
use http::request::Parts;
use http::{HeaderValue, Method, Uri};

use crate::error::{Error, Result};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Whose pages may act for the people who are signed in.
#[derive(Clone, Debug, Default)]
pub struct PublicOrigins(Vec<String>);

impl PublicOrigins {
    /// From the variable `public_origins`: between commas. None are the request's own host.
    ///
    /// # Errors
    /// When one is not of the form `https://HOST` or `https://HOST:PORT`.
    pub fn parse(text: &str) -> std::result::Result<Self, String> {
        let origin =
            |text: &str| crate::outbound::Origin::parse(text).map(|_| text.trim_end_matches('/').to_lowercase());
        let origins = text.split(',').map(str::trim).filter(|text| !text.is_empty()).map(origin);
        let origins = origins.collect::<std::result::Result<_, _>>();
        origins.map(Self).map_err(|_| "is not a list of https://HOST between commas".to_owned())
    }

    /// Nothing, unless the request changes something and no page of ours asked for it.
    ///
    /// # Errors
    /// 403 `csrf`.
    pub(crate) fn check(&self, parts: &Parts) -> Result<()> {
        if matches!(parts.method, Method::GET | Method::HEAD | Method::OPTIONS) || self.is_ours(parts) {
            return Ok(());
        }
        Err(Error::Forbidden("csrf", "This was not sent by a page of this site"))
    }

    fn is_ours(&self, parts: &Parts) -> bool {
        // Browsers write these themselves, one of each; pages cannot.
        let only = |name: HeaderName| {
            let mut values = parts.headers.get_all(name).iter();
            let first = values.next().map(HeaderValue::to_str);
            (first.is_some(), first.and_then(std::result::Result::ok).filter(|_| values.next().is_none()))
        };
        match (only(SEC_FETCH_SITE), only(ORIGIN)) {
            ((true, site), _) => site == Some("same-origin"),
            ((false, _), (_, Some(origin))) => self.names(origin, &parts.uri),
            ((false, _), (_, None)) => false,
        }
    }

    fn names(&self, origin: &str, own: &Uri) -> bool {
        if !self.0.is_empty() {
            return self.0.contains(&origin.to_lowercase());
        }
        let host = |uri: &Uri| uri.authority().map(|authority| authority.as_str().to_lowercase());
        // What has no scheme is no origin, though it may be a URI.
        let origin = origin.parse::<Uri>().ok().filter(|origin| origin.scheme().is_some());
        origin.is_some_and(|origin| host(&origin).is_some() && host(&origin) == host(own))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passes(origins: &str, method: &str, headers: &[(&str, &str)]) -> bool {
        let request = http::Request::builder().method(method).uri("http://desk.example.com:3000/api");
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        PublicOrigins::parse(origins).unwrap().check(&request.body(()).unwrap().into_parts().0).is_ok()
    }

    #[test]
    fn what_changes_nothing_passes_from_everywhere() {
        for method in ["GET", "HEAD", "OPTIONS"] {
            assert!(passes("", method, &[("sec-fetch-site", "cross-site"), ("origin", "https://evil.example")]));
        }
    }

    #[test]
    fn the_browsers_word_on_the_site_decides() {
        let own = ("origin", "http://desk.example.com:3000");
        assert!(passes("", "POST", &[("sec-fetch-site", "same-origin")]));
        assert!(passes("", "POST", &[("sec-fetch-site", "same-origin"), ("origin", "https://evil.example")]));
        for site in ["none", "same-site", "cross-site", "", "same-origin, same-origin"] {
            assert!(!passes("", "POST", &[("sec-fetch-site", site), own]), "{site}");
        }
        assert!(!passes("", "POST", &[("sec-fetch-site", "same-origin"), ("sec-fetch-site", "cross-site"), own]));
    }

    #[test]
    fn else_the_origin_must_be_one_of_ours() {
        assert!(passes("", "DELETE", &[("origin", "http://desk.example.com:3000")]));
        assert!(passes("", "DELETE", &[("origin", "https://DESK.example.com:3000")]));
        for origin in
            ["http://desk.example.com", "http://evil.example", "null", "", "desk.example.com:3000", "https://"]
        {
            assert!(!passes("", "DELETE", &[("origin", origin)]), "{origin}");
        }
        let public = "https://desk.example.com, https://app.example.com/";
        assert!(passes(public, "PUT", &[("origin", "https://app.example.com")]));
        assert!(!passes(public, "PUT", &[("origin", "http://desk.example.com:3000")]));
        assert!(!passes("", "PUT", &[]));
        assert!(!passes("", "PUT", &[("origin", "http://desk.example.com:3000"), ("origin", "http://evil.example")]));
    }

    #[test]
    fn public_origins_are_bare() {
        assert!(PublicOrigins::parse("").is_ok());
        for text in ["desk.example.com", "https://desk.example.com/app", "*"] {
            assert!(PublicOrigins::parse(text).is_err(), "{text} passed");
        }
    }
}
