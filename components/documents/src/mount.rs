//! Which path of ours means which path of the service behind, and the other way round.

use frontdesk::outbound::Origin;
use frontdesk::{Error, Result};
use http::{HeaderValue, Uri};

use crate::path;

/// A service behind, and where it is mounted.
#[derive(Debug)]
pub(crate) struct Mount {
    /// The beginning of our paths: with a slash before and none behind.
    pub(crate) prefix: String,
    /// Where the service is.
    pub(crate) upstream: Origin,
    /// What takes the place of the prefix there.
    pub(crate) upstream_path: String,
}

impl Mount {
    /// The URL behind that a URL of ours means.
    ///
    /// # Errors
    /// 404 when it is not below the prefix, and 400 `bad_path` when it tries to leave it.
    pub(crate) fn target(&self, uri: &Uri) -> Result<Uri> {
        let rest = path::below(&self.prefix, uri.path()).ok_or(Error::RouteNotFound)?;
        path::check(rest).map_err(|_| Error::BadRequest("bad_path", "The path must not lead elsewhere"))?;
        let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
        let target = self.upstream.url(&format!("{}{rest}{query}", self.upstream_path));
        target.map_err(|_| Error::BadRequest("bad_path", "The path is malformed"))
    }

    /// Where the service sends a client, as the client can reach it. `None` when the client cannot, and should not learn where
    /// that is. What is not the service's own stays.
    pub(crate) fn location(&self, location: &HeaderValue) -> Option<HeaderValue> {
        let Ok(text) = location.to_str() else { return Some(location.clone()) };
        let (is_named, path) = match authority(text) {
            Some((authority, rest)) if self.upstream.is_at(authority) => (true, rest),
            Some(_) => return Some(location.clone()),
            None => (false, text),
        };
        let end = path.find(['?', '#']).unwrap_or(path.len());
        let (path, tail) = path.split_at(end);
        match path::below(&self.upstream_path, path) {
            Some(rest) => HeaderValue::from_str(&format!("{}{rest}{tail}", self.prefix)).ok(),
            None if is_named => None,
            None => Some(location.clone()),
        }
    }
}

/// The authority of a URL that names one, and what follows.
fn authority(url: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = url.split_once("//")?;
    let is_web = ["", "http:", "https:"].iter().any(|known| scheme.eq_ignore_ascii_case(known));
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    is_web.then(|| rest.split_at(end))
}

#[cfg(test)]
impl Mount {
    pub(crate) fn new(prefix: &str, upstream: &str, upstream_path: &str) -> Self {
        let upstream = Origin::parse(upstream).unwrap();
        Self { prefix: prefix.to_owned(), upstream, upstream_path: upstream_path.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_sent_where_it_can_go() {
        let mount = Mount::new("/api/documents", "http://docs.internal:8001", "/documents");
        for (theirs, ours) in [
            ("http://docs.internal:8001/documents/7?a=b#c", Some("/api/documents/7?a=b#c")),
            ("HTTPS://DOCS.internal:8001/documents/", Some("/api/documents/")),
            ("//docs.internal:8001/documents", Some("/api/documents")),
            ("/documents/7", Some("/api/documents/7")),
            ("/documents?page=//2", Some("/api/documents?page=//2")),
            ("http://docs.internal:8001/elsewhere", None),
            ("http://docs.internal:8001", None),
            ("http://docs.internal:8001/documentsx", None),
            ("/elsewhere", Some("/elsewhere")),
            ("7", Some("7")),
            ("?page=2", Some("?page=2")),
            ("https://example.com/documents/7", Some("https://example.com/documents/7")),
            ("http://docs.internal:8002/documents", Some("http://docs.internal:8002/documents")),
            ("mailto:x@docs.internal", Some("mailto:x@docs.internal")),
        ] {
            let location = mount.location(&HeaderValue::from_static(theirs));
            assert_eq!(location, ours.map(HeaderValue::from_static), "{theirs}");
        }
    }
}
