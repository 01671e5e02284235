//! Which path of ours means which path of the service behind, and the other way round.

use frontdesk::outbound::Origin;
use frontdesk::{Error, Result};
use http::Uri;
use http::uri::Authority;

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
    /// that is. What is not the service's own stays. `host` is what the client called us, which a service may have been told.
    pub(crate) fn location(&self, location: &str, host: Option<&Authority>) -> Option<String> {
        let (is_behind, path) = match authority(location) {
            Some((authority, rest)) if self.upstream.is_at(authority) => (true, rest),
            Some((authority, rest)) if host.is_some_and(|host| host.as_str().eq_ignore_ascii_case(authority)) => {
                (false, rest)
            }
            Some(_) => return Some(location.to_owned()),
            None => (false, location),
        };
        let end = path.find(['?', '#']).unwrap_or(path.len());
        let (path, tail) = path.split_at(end);
        match path::below(&self.upstream_path, path) {
            Some(rest) => Some(format!("{}{rest}{tail}", self.prefix)),
            None if is_behind => None,
            None => Some(location.to_owned()),
        }
    }

    /// The same of every address in angle brackets, as in the header `link` (RFC 8288).
    pub(crate) fn links(&self, links: &str, host: Option<&Authority>) -> Option<String> {
        let mut parts = links.split('<');
        let mut ours = parts.next()?.to_owned();
        for part in parts {
            let (location, rest) = part.split_once('>')?;
            ours.extend(["<", &self.location(location, host)?, ">", rest]);
        }
        Some(ours)
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
            ("http://docs.internal:8001/documents/Übersicht.pdf", Some("/api/documents/Übersicht.pdf")),
            ("https://desk.example.com/documents/7", Some("/api/documents/7")),
            ("https://desk.example.com/people", Some("https://desk.example.com/people")),
        ] {
            assert_eq!(mount.location(theirs, Some(&host())).as_deref(), ours, "{theirs}");
        }
    }

    #[test]
    fn a_link_leads_where_a_client_can_go() {
        let mount = Mount::new("/api/documents", "http://docs.internal:8001", "/documents");
        for (theirs, ours) in [
            (
                "<http://docs.internal:8001/documents?page=2>; rel=\"next\", </documents>; rel=first",
                Some("</api/documents?page=2>; rel=\"next\", </api/documents>; rel=first"),
            ),
            ("<https://example.com/>; rel=help", Some("<https://example.com/>; rel=help")),
            ("<http://docs.internal:8001/elsewhere>; rel=help", None),
            ("nonsense", Some("nonsense")),
            ("<nonsense", None),
        ] {
            assert_eq!(mount.links(theirs, Some(&host())).as_deref(), ours, "{theirs}");
        }
    }

    fn host() -> Authority {
        Authority::from_static("desk.example.com")
    }
}
