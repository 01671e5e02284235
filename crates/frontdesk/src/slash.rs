//! One slash too many at the end of a path: the client is sent to the path without it (API.md, section 0).

use http::{HeaderValue, Uri};
use matchit::Router;

/// The paths of a component's routes.
pub(crate) struct Paths(Router<()>);

impl Paths {
    /// A table of these.
    pub(crate) fn of(paths: &[String]) -> Self {
        let mut table = Router::new();
        for path in paths {
            // axum has taken the same path already.
            let _ = table.insert(path, ());
        }
        Self(table)
    }

    /// The path without the slash at its end, and the query as it is, if that is a route. A slash that is encoded is none.
    ///
    /// It leads to no other host: what is a route begins with one slash and a name.
    pub(crate) fn without_slash(&self, uri: &Uri) -> Option<HeaderValue> {
        let path = uri.path().strip_suffix('/')?;
        self.0.at(path).ok()?;
        let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
        HeaderValue::try_from(format!("{path}{query}")).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn without_slash(uri: &str) -> Option<String> {
        let mut paths = Router::new();
        for path in ["/healthz", "/api/groups", "/api/groups/{id}", "/api/groups/{id}/members/{user_id}"] {
            paths.insert(path, ()).unwrap();
        }
        let location = Paths(paths).without_slash(&uri.parse().unwrap())?;
        Some(String::from_utf8(location.as_bytes().to_vec()).unwrap())
    }

    #[test]
    fn a_path_with_one_slash_too_many_leads_to_the_one_without() {
        for (uri, location) in [
            ("/healthz/", "/healthz"),
            ("/api/groups/", "/api/groups"),
            ("/api/groups/7/", "/api/groups/7"),
            ("/api/groups/%2F/", "/api/groups/%2F"),
            ("/api/groups/7/members/a%20b/", "/api/groups/7/members/a%20b"),
            ("/healthz/?", "/healthz?"),
            ("/healthz/?a=/&b=%2f&&c=?d\\", "/healthz?a=/&b=%2f&&c=?d\\"),
            ("http://desk.test/healthz/?a", "/healthz?a"),
            ("/api/groups/ä/?q=ä", "/api/groups/ä?q=ä"),
        ] {
            assert_eq!(without_slash(uri).as_deref(), Some(location), "{uri}");
        }
    }

    #[test]
    fn any_other_path_leads_nowhere() {
        for uri in [
            "/",
            "//",
            "/healthz",
            "/healthz//",
            "/healthz%2F",
            "/healthz%2F/",
            "//healthz/",
            "//evil.example/",
            "/\\evil.example/",
            "/api/groups//",
            "/api/groups/7//",
            "/api/groups/7/members/",
            "/api//groups/",
            "/api/./groups/",
            "/nothing/",
            "/HEALTHZ/",
            "http://evil.example//healthz/",
        ] {
            assert_eq!(without_slash(uri), None, "{uri}");
        }
    }
}
