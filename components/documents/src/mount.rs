//! Which path of ours means which path of the service behind, and the other way round.

use frontdesk::csrf::PublicOrigins;
use frontdesk::outbound::Origin;
use frontdesk::{Error, Result};
use http::Uri;
use http::uri::{Authority, PathAndQuery};

use crate::path;

pub(crate) const BAD_DESTINATION: Error = Error::BadRequest("bad_path", "The destination must not lead elsewhere");

/// The hosts that are ours: what the client called us, which a service has been told, and the public ones.
#[derive(Clone, Copy)]
pub(crate) struct Ours<'a> {
    pub(crate) called: Option<&'a Authority>,
    pub(crate) public: &'a PublicOrigins,
}

impl Ours<'_> {
    /// Whether an authority in a URL is one of them.
    fn has(self, authority: &str) -> bool {
        let Ok(authority) = authority.parse::<Authority>() else { return false };
        self.called.is_some_and(|called| is_same(called, &authority)) || self.public.are_at(&authority)
    }
}

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
    pub(crate) fn location(&self, location: &str, ours: Ours<'_>) -> Option<String> {
        let location = as_read(location);
        let (is_behind, path) = match authority(&location) {
            Some((authority, rest)) if self.upstream.is_at(authority) => (true, rest),
            Some((authority, rest)) if ours.has(authority) => (false, rest),
            // On another port of the service's machine, unless that is where we are too: the port that the service knows may be another
            // than the one that it is reached by.
            Some((authority, rest))
                if self.upstream.is_host(authority)
                    && !ours.called.is_some_and(|called| self.upstream.is_host(called.as_str())) =>
            {
                (true, rest)
            }
            Some(_) => return Some(location),
            None => (false, location.as_str()),
        };
        let end = path.find(['?', '#']).unwrap_or(path.len());
        let (path, tail) = path.split_at(end);
        match path::below(&self.upstream_path, path) {
            Some(rest) => Some(format!("{}{rest}{tail}", self.prefix)),
            None if is_behind => None,
            None => Some(location),
        }
    }

    /// The other way round: what the service calls a resource that a client names by one of our URLs, or by the path of one.
    ///
    /// # Errors
    /// 400 `bad_path` when it is not below the prefix, or tries to leave it.
    pub(crate) fn destination(&self, destination: &str, ours: Ours<'_>) -> Result<String> {
        let uri: Uri = destination.parse().map_err(|_| BAD_DESTINATION)?;
        let is_ours = match uri.authority() {
            Some(authority) => ours.has(authority.as_str()),
            None => destination.starts_with('/'),
        };
        let target =
            if is_ours { self.target(&uri).map_err(|_| BAD_DESTINATION)? } else { return Err(BAD_DESTINATION) };
        let path = target.path_and_query().map_or("", PathAndQuery::as_str);
        Ok(if uri.authority().is_some() { target.to_string() } else { path.to_owned() })
    }

    /// The header `refresh`, in any of the forms that browsers read (HTML, 4.2.4.3 "shared declarative refresh steps"), in the
    /// plainest one. `None` too when browsers do nothing about it.
    pub(crate) fn refresh(&self, refresh: &str, ours: Ours<'_>) -> Option<String> {
        let refresh = refresh.trim_start();
        let after_time = refresh.trim_start_matches(|letter: char| letter.is_ascii_digit() || letter == '.');
        let time = refresh.strip_suffix(after_time)?;
        let seconds = time.split('.').next().filter(|_| !time.is_empty())?;
        let seconds = if seconds.is_empty() { "0" } else { seconds };
        if after_time.is_empty() {
            return Some(seconds.to_owned());
        }
        let rest = after_time.trim_start();
        // Something must be between the time and the address.
        let after_mark =
            rest.strip_prefix([';', ',']).map(str::trim_start).or((rest.len() < after_time.len()).then_some(rest))?;
        if after_mark.is_empty() {
            return Some(seconds.to_owned());
        }
        let location = self.location(address_of(after_mark).trim_end(), ours)?;
        // Browsers would take a quote at its beginning for one around it.
        (!location.starts_with(['\'', '"'])).then(|| format!("{seconds}; url={location}"))
    }

    /// The links of the header `link` (RFC 8288): each in angle brackets, with perhaps an address that it begins at. One that leads
    /// where a client cannot go is left out.
    pub(crate) fn links(&self, links: &str, ours: Ours<'_>) -> Option<String> {
        let kept: Vec<String> =
            parts_of(links, ',').into_iter().filter_map(|link| self.link(link.trim(), ours)).collect();
        (!kept.is_empty()).then(|| kept.join(", "))
    }

    fn link(&self, link: &str, ours: Ours<'_>) -> Option<String> {
        let (location, parameters) = link.strip_prefix('<')?.split_once('>')?;
        let mut link = format!("<{}>", self.location(location, ours)?);
        for parameter in parts_of(parameters, ';').into_iter().skip(1) {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            if name.trim().eq_ignore_ascii_case("anchor") {
                let anchor = self.location(value.trim().trim_matches('"'), ours)?;
                link.push_str(&format!("; anchor=\"{anchor}\""));
            } else {
                link.push_str(&format!(";{parameter}"));
            }
        }
        Some(link)
    }
}

/// What stands between these separators, outside of quotes and angle brackets.
fn parts_of(text: &str, separator: char) -> Vec<&str> {
    let (mut is_quoted, mut is_escaped, mut is_address) = (false, false, false);
    let is_between = |letter: char| {
        match letter {
            '"' if !is_escaped && !is_address => is_quoted = !is_quoted,
            '<' if !is_quoted => is_address = true,
            '>' if !is_quoted => is_address = false,
            _ => {}
        }
        is_escaped = is_quoted && letter == '\\' && !is_escaped;
        letter == separator && !is_quoted && !is_address
    };
    text.split(is_between).collect()
}

/// A URL as browsers read it: without tabs, and with a backslash as a slash before the query.
fn as_read(url: &str) -> String {
    let url = url.trim().replace('\t', "");
    let end = url.find(['?', '#']).unwrap_or(url.len());
    let (path, tail) = url.split_at(end);
    let has_other_scheme =
        path.split_once(':').is_some_and(|(scheme, _)| !scheme.contains(['/', '\\']) && !is_web(scheme));
    if has_other_scheme { url } else { format!("{}{tail}", path.replace('\\', "/")) }
}

fn is_web(scheme: &str) -> bool {
    ["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known))
}

/// The authority of a URL that names one, and what follows. Browsers do not count the slashes before it.
fn authority(url: &str) -> Option<(&str, &str)> {
    let rest = match url.split_once(':') {
        Some((scheme, rest)) if is_web(scheme) => rest,
        _ => url.strip_prefix("//")?,
    };
    let rest = rest.trim_start_matches('/');
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    Some(rest.split_at(end))
}

/// Whether two authorities are the same, whichever of their schemes' ports is not written: a proxy may have taken TLS off.
fn is_same(one: &Authority, other: &Authority) -> bool {
    let port = |authority: &Authority| authority.port_u16().filter(|port| !matches!(port, 80 | 443));
    one.host().eq_ignore_ascii_case(other.host()) && port(one) == port(other)
}

/// The address in what follows the time of a `refresh`: `url=` may stand before it, and quotes around it.
fn address_of(text: &str) -> &str {
    let after_url = text.get(..3).filter(|word| word.eq_ignore_ascii_case("url")).and_then(|_| text.get(3..));
    // Where there is no `url`, quotes are quotes all the same; where there is no `=` behind it, it is a part of the address.
    let text = match after_url.map(str::trim_start) {
        Some(rest) => match rest.strip_prefix('=') {
            Some(rest) => rest.trim_start(),
            None => return text,
        },
        None if text.starts_with(['u', 'U']) => return text,
        None => text,
    };
    match text.chars().next() {
        Some(quote @ ('\'' | '"')) => text.split(quote).nth(1).unwrap_or_default(),
        _ => text,
    }
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
            ("http://docs.internal:8002/documents", Some("/api/documents")),
            ("http://docs.internal:8002/", None),
            ("https://people.example.com/documents/7", Some("/api/documents/7")),
            ("http://ada@docs.internal:8001/documents/7", Some("/api/documents/7")),
            ("http:docs.internal:8001/documents/7", Some("/api/documents/7")),
            ("http:///docs.internal:8001/documents/7", Some("/api/documents/7")),
            ("http:\\\\docs.internal:8001\\documents\\7", Some("/api/documents/7")),
            ("/\\docs.internal:8001/documents/7", Some("/api/documents/7")),
            ("ht\ttp://docs.internal:8001/documents/7", Some("/api/documents/7")),
            ("//docs.internal", None),
            ("https://docs.internal/", None),
            ("https://desk.example.com:443/documents/7", Some("/api/documents/7")),
            ("mailto:x@docs.internal", Some("mailto:x@docs.internal")),
            ("http://docs.internal:8001/documents/Übersicht.pdf", Some("/api/documents/Übersicht.pdf")),
            ("https://desk.example.com/documents/7", Some("/api/documents/7")),
            ("https://desk.example.com/people", Some("https://desk.example.com/people")),
        ] {
            assert_eq!(mount.location(theirs, ours_of(&host(), &public())).as_deref(), ours, "{theirs}");
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
            (
                "</documents?page=2>; rel=next, <http://docs.internal:8001/static/app.css>; rel=preload",
                Some("</api/documents?page=2>; rel=next"),
            ),
            (
                "</documents/7>; rel=describedby; anchor=\"http://docs.internal:8001/documents/7/meta\"",
                Some("</api/documents/7>; rel=describedby; anchor=\"/api/documents/7/meta\""),
            ),
            ("</documents/7>; rel=x; anchor=\"http://docs.internal:8001/x\"", None),
            ("</documents/2>; rel=next; title=\"a<b, c;d\"", Some("</api/documents/2>; rel=next; title=\"a<b, c;d\"")),
            ("</documents/a,b;c>; rel=next", Some("</api/documents/a,b;c>; rel=next")),
            ("nonsense", None),
            ("<nonsense", None),
        ] {
            assert_eq!(mount.links(theirs, ours_of(&host(), &public())).as_deref(), ours, "{theirs}");
        }
    }

    #[test]
    fn a_location_on_the_machine_that_we_are_on_too_stays() {
        let mount = Mount::new("/api/documents", "http://localhost:8001", "/documents");
        let called = Authority::from_static("localhost:3000");
        for (theirs, ours) in [
            ("http://localhost:9000/x", Some("http://localhost:9000/x")),
            ("http://localhost:8001/documents/7", Some("/api/documents/7")),
            ("http://localhost:3000/documents/7", Some("/api/documents/7")),
            ("http://localhost:8001/x", None),
        ] {
            assert_eq!(
                mount.location(theirs, ours_of(&called, &PublicOrigins::default())).as_deref(),
                ours,
                "{theirs}"
            );
        }
    }

    #[test]
    fn a_refresh_leads_where_a_client_can_go_in_whatever_form_it_is_written() {
        let mount = Mount::new("/api/documents", "http://docs.internal:8001", "/documents");
        for (theirs, ours) in [
            ("0; url=http://docs.internal:8001/documents/7", Some("0; url=/api/documents/7")),
            ("5;URL='http://docs.internal:8001/documents/7'", Some("5; url=/api/documents/7")),
            ("5; url=\"http://docs.internal:8001/documents/7\" and more", Some("5; url=/api/documents/7")),
            (" 0.5 , url = /documents/7 ", Some("0; url=/api/documents/7")),
            ("5 /documents/7", Some("5; url=/api/documents/7")),
            ("5;/documents/7", Some("5; url=/api/documents/7")),
            ("5,'/documents/7'", Some("5; url=/api/documents/7")),
            ("5;url='/documents/7", Some("5; url=/api/documents/7")),
            ("5;url", Some("5; url=url")),
            (".5;/documents/7?a=b", Some("0; url=/api/documents/7?a=b")),
            ("5;url=/documents?url=x", Some("5; url=/api/documents?url=x")),
            ("5;https://example.com/", Some("5; url=https://example.com/")),
            ("5", Some("5")),
            ("5;", Some("5")),
            ("5; url=http://docs.internal:8001/elsewhere", None),
            ("5; http://docs.internal:8002/", None),
            ("5x; url=/documents/7", None),
            ("url=/documents/7", None),
            ("-1; url=/documents/7", None),
            ("5; url=\"'/documents/7\"", None),
            ("", None),
        ] {
            assert_eq!(mount.refresh(theirs, ours_of(&host(), &public())).as_deref(), ours, "{theirs}");
        }
    }

    #[test]
    fn a_destination_stays_below_the_prefix() {
        let mount = Mount::new("/api/documents", "http://docs.internal:8001", "/documents");
        let destination = |text: &str| mount.destination(text, ours_of(&host(), &public())).ok();
        for (ours, theirs) in [
            ("/api/documents/b%20c", "/documents/b%20c"),
            ("https://desk.example.com/api/documents/b/", "http://docs.internal:8001/documents/b/"),
            ("http://DESK.example.com:80/api/documents/b?c", "http://docs.internal:8001/documents/b?c"),
            ("https://people.example.com/api/documents/b", "http://docs.internal:8001/documents/b"),
        ] {
            assert_eq!(destination(ours).as_deref(), Some(theirs), "{ours}");
        }
        for ours in [
            "/api/people",
            "/documents/b",
            "/api/documents/../people",
            "/api/documents/%2e%2e/people",
            "https://evil.example/api/documents/b",
            "http://docs.internal:8001/documents/b",
            "https://desk.example.com:8443/api/documents/b",
            "//desk.example.com/api/documents/b",
            "api/documents/b",
            "b",
            "*",
            "",
        ] {
            assert_eq!(destination(ours), None, "{ours}");
        }
    }

    fn ours_of<'a>(called: &'a Authority, public: &'a PublicOrigins) -> Ours<'a> {
        Ours { called: Some(called), public }
    }

    fn public() -> PublicOrigins {
        PublicOrigins::parse("https://people.example.com").unwrap()
    }

    fn host() -> Authority {
        Authority::from_static("desk.example.com")
    }
}
