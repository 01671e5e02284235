//! Which path of ours means which path of the service behind, and the other way round.

use frontdesk::outbound::Origin;
use frontdesk::{Error, Result};
use http::Uri;
use http::uri::PathAndQuery;
use url::{Position, Url};

use crate::asked::{Asked, is_web, resolve};
use crate::path;

pub(crate) const BAD_REFERENCE: Error = Error::BadRequest("bad_path", "A header must not name a resource elsewhere");

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
    pub(crate) fn location(&self, reference: &str, asked: &Asked<'_>) -> Option<String> {
        let as_it_is = || Some(reference.to_owned());
        // Where a browser would go if nothing were changed.
        let seen = resolve(&asked.here, reference)?;
        let (is_behind, is_ours) = (asked.is_behind(&seen), asked.is_ours(&seen));
        if !is_web(&seen) {
            // Such as `feed:http://...`, which has no host of its own.
            return if is_behind || asked.is_named_in(reference) { None } else { as_it_is() };
        }
        // What names no other host is relative to what the service was asked for.
        let meant = match (is_behind, is_ours) {
            (_, true) => resolve(&asked.there, reference)?,
            (true, false) => seen.clone(),
            (false, false) => return as_it_is(),
        };
        match path::below(&self.upstream_path, meant.path()) {
            Some(rest) => {
                let location = format!("{}{rest}{}", self.prefix, &meant[Position::AfterPath..]);
                if resolve(&asked.here, &location).as_ref() == Some(&seen) { as_it_is() } else { Some(location) }
            }
            // A path of the service that is not mounted, or one of ours if both read it alike.
            None if is_behind || meant.path() != seen.path() => None,
            None => as_it_is(),
        }
    }

    /// Whether a header that need not be a reference holds the address of the service, or is a URL that the service has made of what the
    /// client called us.
    pub(crate) fn is_to_be_mapped(&self, text: &str, asked: &Asked<'_>) -> bool {
        asked.is_named_in(text) || self.is_of_service(text, asked)
    }

    /// The value of such a header. `None` when it holds the address of the service and is not a reference to what is mounted.
    pub(crate) fn text(&self, text: &str, asked: &Asked<'_>) -> Option<String> {
        if self.is_to_be_mapped(text, asked) {
            self.location(text, asked).filter(|location| !asked.is_named_in(location))
        } else {
            Some(text.to_owned())
        }
    }

    fn is_of_service(&self, text: &str, asked: &Asked<'_>) -> bool {
        let url =
            text.get(..4).filter(|scheme| scheme.eq_ignore_ascii_case("http")).and_then(|_| Url::parse(text).ok());
        url.is_some_and(|url| asked.is_ours(&url) && path::below(&self.upstream_path, url.path()).is_some())
    }

    /// The other way round: what the service calls a resource that a client names by one of our URLs, or by the path of one. `None`
    /// when it is none of ours.
    ///
    /// # Errors
    /// 400 `bad_path` when it is not below the prefix, or tries to leave it.
    pub(crate) fn resource(&self, reference: &str, asked: &Asked<'_>) -> Result<Option<String>> {
        let url = Url::parse(reference).ok();
        let is_ours = match &url {
            Some(url) => is_web(url) && asked.is_ours(url),
            None => reference.starts_with('/'),
        };
        if !is_ours {
            return Ok(None);
        }
        // As it is written: services may read a path otherwise than browsers do.
        let uri: Uri = reference.parse().map_err(|_| BAD_REFERENCE)?;
        let target = self.target(&uri).map_err(|_| BAD_REFERENCE)?;
        // Some services take all of it for a path.
        path::check(uri.query().unwrap_or_default()).map_err(|_| BAD_REFERENCE)?;
        let path = target.path_and_query().map_or("", PathAndQuery::as_str);
        Ok(Some(if url.is_some() { target.to_string() } else { path.to_owned() }))
    }

    /// The header `if` of WebDAV (RFC 4918, 10.4): lists of conditions in parentheses, each list perhaps behind the resource that it is
    /// about. What is in a list are the service's own tokens.
    ///
    /// # Errors
    /// 400 `bad_path` when a resource is ours and not below the prefix.
    pub(crate) fn conditions(&self, given: &str, asked: &Asked<'_>) -> Result<String> {
        let mut mapped = String::with_capacity(given.len());
        let mut is_in_list = false;
        let mut rest = given;
        while let Some(start) = rest.find(['<', '"', '(', ')']) {
            let (before, marked) = rest.split_at(start);
            // To the end of what holds no further marks.
            let close = match marked.chars().next() {
                Some('<') => marked.find('>'),
                Some('"') => marked.match_indices('"').nth(1).map(|(end, _)| end),
                _ => Some(0),
            };
            let Some(close) = close else { break };
            let (mark, after) = marked.split_at(close + 1);
            mapped.push_str(before);
            match mark.strip_prefix('<').and_then(|mark| mark.strip_suffix('>')) {
                Some(resource) if !is_in_list => {
                    let theirs = self.resource(resource, asked)?;
                    mapped.push_str(&format!("<{}>", theirs.as_deref().unwrap_or(resource)));
                }
                _ => mapped.push_str(mark),
            }
            is_in_list = mark == "(" || is_in_list && mark != ")";
            rest = after;
        }
        mapped.push_str(rest);
        Ok(mapped)
    }

    /// The header `refresh`, in any of the forms that browsers read (HTML, 4.2.4.3 "shared declarative refresh steps"), in the
    /// plainest one. `None` too when browsers do nothing about it.
    pub(crate) fn refresh(&self, refresh: &str, asked: &Asked<'_>) -> Option<String> {
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
        let location = self.location(address_of(after_mark).trim_end(), asked)?;
        // Browsers would take a quote at its beginning for one around it.
        (!location.starts_with(['\'', '"'])).then(|| format!("{seconds}; url={location}"))
    }

    /// The links of the header `link` (RFC 8288): each in angle brackets, with perhaps an address that it begins at. One that leads
    /// where a client cannot go is left out.
    pub(crate) fn links(&self, links: &str, asked: &Asked<'_>) -> Option<String> {
        let kept: Vec<String> =
            parts_of(links, ',').into_iter().filter_map(|link| self.link(link.trim(), asked)).collect();
        (!kept.is_empty()).then(|| kept.join(", "))
    }

    fn link(&self, link: &str, asked: &Asked<'_>) -> Option<String> {
        let (location, parameters) = link.strip_prefix('<')?.split_once('>')?;
        let mut link = format!("<{}>", self.location(location, asked)?);
        for parameter in parts_of(parameters, ';').into_iter().skip(1) {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            if name.trim().eq_ignore_ascii_case("anchor") {
                let anchor = self.location(value.trim().trim_matches('"'), asked)?;
                link.push_str(&format!("; anchor=\"{anchor}\""));
            } else if asked.is_named_in(parameter) {
                return None;
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
    use frontdesk::csrf::PublicOrigins;

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
            ("feed:http://docs.internal:8001/documents/7", None),
            ("ms-word:ofe|u|http://docs.internal:8001/documents/7", None),
            ("http://docs.internal:8001/documents/Übersicht.pdf", Some("/api/documents/%C3%9Cbersicht.pdf")),
            ("https://desk.example.com/documents/7", Some("/api/documents/7")),
            ("https://desk.example.com/people", Some("https://desk.example.com/people")),
        ] {
            assert_eq!(mount.location(theirs, &asked(&public())).as_deref(), ours, "{theirs}");
        }
    }

    #[test]
    fn a_relative_location_means_what_it_means_to_the_service() {
        let mount = Mount::new("/api/documents", "http://docs.internal:8001", "/documents");
        for (theirs, ours) in [
            ("", Some("")),
            ("#c", Some("#c")),
            ("./7", Some("./7")),
            ("../7", Some("../7")),
            ("7/../8", Some("7/../8")),
            ("%2E%2e/7", Some("%2E%2e/7")),
            ("..\\7", Some("..\\7")),
            // To the service this is the resource itself, and to a browser it would be /api/elsewhere.
            ("../../elsewhere", None),
            ("../../documents/7", Some("../../documents/7")),
            // Services cannot go above their root, which is one segment below ours.
            ("../../../documents/7", Some("/api/documents/7")),
            // Both read it as a path of ours.
            ("../../../api/documents/7", Some("../../../api/documents/7")),
            ("7/../../../x", None),
            ("%2e%2e/%2e%2e/x", None),
            (".\t./.\t./x", None),
            ("../../../../../login", Some("../../../../../login")),
            ("/documents/../login", Some("/documents/../login")),
            ("/elsewhere/../documents/7", Some("/api/documents/7")),
            ("/documents/../../documents/./7", Some("/api/documents/7")),
            ("http://docs.internal:8001/documents/../x", None),
            ("http://docs.internal:8001/documents/%2e%2e/x", None),
            ("http://docs.internal:8001/x/../documents/7", Some("/api/documents/7")),
            (
                "https://desk.example.com/documents/%2e%2E/people",
                Some("https://desk.example.com/documents/%2e%2E/people"),
            ),
        ] {
            assert_eq!(mount.location(theirs, &asked(&public())).as_deref(), ours, "{theirs}");
        }

        // Without slashes after the scheme it depends on the base whether a host is named.
        for here in ["http", "https"] {
            let here = format!("{here}://desk.example.com/api/documents/a");
            let public = PublicOrigins::default();
            let asked = Asked::of(&here, "http://docs.internal:8001/documents/a", &public);
            for scheme in ["http", "https"] {
                let location = |rest: &str| mount.location(&format!("{scheme}:docs.internal:8001{rest}"), &asked);
                assert_eq!(location("/documents/7").as_deref(), Some("/api/documents/7"), "{scheme}: from {here}");
                assert_eq!(location("/x"), None, "{scheme}: from {here}");
            }
        }

        // Where both have the same paths, only the host tells them apart.
        let mount = Mount::new("/documents", "http://docs.internal:8001", "/documents");
        let public = PublicOrigins::default();
        let same =
            Asked::of("https://desk.example.com/documents/a/b", "http://docs.internal:8001/documents/a/b", &public);
        for (theirs, ours) in [
            ("../7", Some("../7")),
            ("/documents/7", Some("/documents/7")),
            ("http://docs.internal:8001/documents/7", Some("/documents/7")),
            ("//docs.internal:8001/documents/7", Some("/documents/7")),
        ] {
            assert_eq!(mount.location(theirs, &same).as_deref(), ours, "{theirs}");
        }
    }

    #[test]
    fn the_service_is_known_however_its_host_is_spelt() {
        let mount = |upstream: &str| Mount::new("/api/documents", upstream, "/documents");
        let public = PublicOrigins::default();
        let asked = |there: &str| Asked::of("https://desk.example.com/api/documents/a", there, &public);
        let (name, named) = (mount("http://docs.internal:8001"), asked("http://docs.internal:8001/documents/a"));
        for authority in [
            "DOCS.Internal:8001",
            "docs%2einternal:8001",
            "%64ocs.internal:8001",
            "docs.internal.:8001",
            "docs.internal:08001",
            "docs\u{3002}internal:8001",
            "\u{ff44}ocs.internal:8001",
            "do\u{ad}cs.internal:8001",
            "ada:x@docs.internal:8001",
            "example.com@docs.internal:8001",
            "do\tcs.internal:8001",
            "docs.internal:9000",
        ] {
            for url in [format!("http://{authority}"), format!("//{authority}"), format!(" \\/\t{authority}")] {
                let location = |path: &str| name.location(&format!("{url}{path}"), &named);
                assert_eq!(location("/documents/7").as_deref(), Some("/api/documents/7"), "{url}");
                assert_eq!(location("/x"), None, "{url}");
            }
        }
        let (address, addressed) = (mount("http://127.0.0.1:8001"), asked("http://127.0.0.1:8001/documents/a"));
        for host in
            ["127.0.0.1", "127.1", "0x7f.1", "0x7F000001", "2130706433", "0177.0.0.1", "127.0.0.1.", "[::ffff:7f00:1]"]
        {
            let location = |path: &str| address.location(&format!("http://{host}:8001{path}"), &addressed);
            assert_eq!(location("/documents/7").as_deref(), Some("/api/documents/7"), "{host}");
            assert_eq!(location("/x"), None, "{host}");
        }
        // What no browser follows, and what is not of the web but leads there.
        for location in [
            "http://docs.internal:99999/documents",
            "http://[docs/",
            "ftp://docs.internal/x",
            "ws://docs.internal:8001/x",
        ] {
            assert_eq!(name.location(location, &named), None, "{location}");
        }
        // Other hosts that look like it.
        for location in [
            "http://docs.internal:8001@example.com/",
            "http://docs.internal.example.com/",
            "http:\\\\example.com\\@docs.internal:8001",
        ] {
            assert_eq!(name.location(location, &named).as_deref(), Some(location), "{location}");
        }
    }

    #[test]
    fn a_text_that_holds_the_address_of_the_service_is_mapped_if_it_is_a_reference() {
        let mount = Mount::new("/api/documents", "http://docs.internal:8001", "/documents");
        for (theirs, ours) in [
            ("http://docs.internal:8001/documents/xmlrpc", Some("/api/documents/xmlrpc")),
            ("http://docs.internal:8001/xmlrpc", None),
            ("docs.internal:8001", None),
            ("1.1 docs.internal:8001 (nginx)", None),
            ("\"http://docs.internal:8001/documents\"", None),
            ("http://docs.internal:8001/documents?next=http://docs.internal:8001/", None),
            ("/documents/7", Some("/documents/7")),
            ("docs", Some("docs")),
        ] {
            assert_eq!(mount.text(theirs, &asked(&public())).as_deref(), ours, "{theirs}");
        }
    }

    #[test]
    fn conditions_are_about_what_the_service_calls_a_resource() {
        let mount = Mount::new("/api/documents", "http://docs.internal:8001", "/documents");
        let conditions = |text: &str| mount.conditions(text, &asked(&public())).ok();
        for (ours, theirs) in [
            ("(<urn:uuid:1>)", "(<urn:uuid:1>)"),
            ("(<urn:uuid:1> [\"a\"]) (Not <DAV:no-lock>)", "(<urn:uuid:1> [\"a\"]) (Not <DAV:no-lock>)"),
            (
                "<https://desk.example.com/api/documents/7> (<urn:uuid:1>) </api/documents/8>([W/\"b\"])",
                "<http://docs.internal:8001/documents/7> (<urn:uuid:1>) </documents/8>([W/\"b\"])",
            ),
            // In a list everything is the service's own, and marks may be in a tag or in a token.
            ("(<https://desk.example.com/people>)", "(<https://desk.example.com/people>)"),
            ("([\")</people>\"])", "([\")</people>\"])"),
            ("(<urn:x:)> </people>)", "(<urn:x:)> </people>)"),
            ("<https://example.com/people> (<urn:uuid:1>)", "<https://example.com/people> (<urn:uuid:1>)"),
            ("<urn:uuid:1> (<urn:uuid:1>)", "<urn:uuid:1> (<urn:uuid:1>)"),
            ("<https://desk", "<https://desk"),
            ("", ""),
        ] {
            assert_eq!(conditions(ours).as_deref(), Some(theirs), "{ours}");
        }
        for ours in [
            "</people> (<urn:uuid:1>)",
            "<https://desk.example.com/people> (<urn:uuid:1>)",
            "</api/documents/7> (<urn:uuid:1>) </api/documents/%2e%2e/people> (<urn:uuid:1>)",
            "<http://DESK.example.com\\people> (<urn:uuid:1>)",
        ] {
            assert_eq!(conditions(ours), None, "{ours}");
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
            ("</documents/7>; rel=x; title=\"at docs.internal:8001\"", None),
            ("</documents/2>; rel=next; title=\"a<b, c;d\"", Some("</api/documents/2>; rel=next; title=\"a<b, c;d\"")),
            ("</documents/a,b;c>; rel=next", Some("</api/documents/a,b;c>; rel=next")),
            ("nonsense", None),
            ("<nonsense", None),
        ] {
            assert_eq!(mount.links(theirs, &asked(&public())).as_deref(), ours, "{theirs}");
        }
    }

    #[test]
    fn a_location_on_the_machine_that_we_are_on_too_stays() {
        let mount = Mount::new("/api/documents", "http://localhost:8001", "/documents");
        let public = PublicOrigins::default();
        let asked =
            Asked::of("http://localhost:3000/api/documents/a/b", "http://localhost:8001/documents/a/b", &public);
        for (theirs, ours) in [
            ("http://localhost:9000/x", Some("http://localhost:9000/x")),
            ("http://localhost:8001/documents/7", Some("/api/documents/7")),
            ("http://localhost:3000/documents/7", Some("/api/documents/7")),
            ("http://localhost:8001/x", None),
        ] {
            assert_eq!(mount.location(theirs, &asked).as_deref(), ours, "{theirs}");
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
            assert_eq!(mount.refresh(theirs, &asked(&public())).as_deref(), ours, "{theirs}");
        }
    }

    #[test]
    fn a_destination_stays_below_the_prefix() {
        let mount = Mount::new("/api/documents", "http://docs.internal:8001", "/documents");
        let destination = |text: &str| mount.resource(text, &asked(&public())).ok().flatten();
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
            "/api/documents/a?/../../people",
            "https://desk.example.com/api/documents?x=/../..",
            "/api/documents/a?%2e%2e/people",
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

    fn public() -> PublicOrigins {
        PublicOrigins::parse("https://people.example.com").unwrap()
    }

    fn asked(public: &PublicOrigins) -> Asked<'_> {
        let here = "https://desk.example.com/api/documents/a/b?c";
        Asked::of(here, "http://docs.internal:8001/documents/a/b?c", public)
    }
}
