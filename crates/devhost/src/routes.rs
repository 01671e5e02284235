//! Which component a path goes to.
//!
//! The rules are those of Spin's crates/routes/src/lib.rs, on the same version of the `routefinder` crate: 0.6 takes
//! `/a//b` for `/a/b`. There is no base path: Spin's is always `/`.

use anyhow::anyhow;
use routefinder::{Captures, RouteSpec};

/// Paths below it belong to the host.
pub(crate) const WELL_KNOWN: &str = "/.well-known/spin/";

/// The routes of an application.
pub(crate) struct Router {
    routes: routefinder::Router<Route>,
}

/// Where a route leads, and how it is written.
#[derive(Clone, Debug)]
pub(crate) struct Route {
    /// The component.
    pub(crate) component: String,
    /// As in the manifest.
    pub(crate) raw: String,
    /// With its leading slash and without a trailing one.
    pub(crate) based: String,
}

/// A route that a later one replaces.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Duplicate {
    /// The route.
    pub(crate) route: String,
    /// The component that will never see it.
    pub(crate) replaced: String,
    /// The component that it leads to.
    pub(crate) effective: String,
}

/// A path that has found its route.
pub(crate) struct RouteMatch<'a> {
    /// The route.
    pub(crate) route: &'a Route,
    /// None if nobody looked for it.
    captures: Option<Captures<'a, 'a>>,
    path: &'a str,
}

impl Router {
    /// Builds the table from pairs of component and route; of equal routes the last one counts.
    pub(crate) fn build<'a>(
        routes: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> anyhow::Result<(Self, Vec<Duplicate>)> {
        let mut kept: Vec<Route> = Vec::new();
        let mut duplicates = Vec::new();
        for (component, raw) in routes {
            let route = Route { component: component.to_owned(), raw: raw.to_owned(), based: based(raw) };
            match kept.iter_mut().find(|earlier| earlier.raw == raw) {
                None => kept.push(route),
                Some(earlier) => {
                    duplicates.push(Duplicate {
                        route: if route.based.is_empty() { "/".to_owned() } else { route.based.clone() },
                        replaced: earlier.component.clone(),
                        effective: route.component.clone(),
                    });
                    *earlier = route;
                }
            }
        }
        let mut router = routefinder::Router::new();
        for route in kept {
            let spec = spec(&route.based)
                .map_err(|error| anyhow!("route {:?} of component {}: {error}", route.raw, route.component))?;
            router.add(spec, route).map_err(|error| anyhow!("{error}"))?;
        }
        Ok((Self { routes: router }, duplicates))
    }

    /// The best route for `path`: an exact segment beats a parameter, which beats a wildcard.
    pub(crate) fn find<'a>(&'a self, path: &'a str) -> Option<RouteMatch<'a>> {
        let found = self.routes.best_match(path)?;
        Some(RouteMatch { route: found.handler(), captures: Some(found.captures()), path })
    }

    /// The routes, in the order of the router.
    pub(crate) fn routes(&self) -> impl Iterator<Item = &Route> {
        self.routes.iter().map(|(_, route)| route)
    }
}

impl Route {
    /// The catch-all of a component that is called by its name.
    pub(crate) fn chained(component: &str) -> Self {
        Self { component: component.to_owned(), raw: "/...".to_owned(), based: "/...".to_owned() }
    }

    /// As the list at the start shows it.
    pub(crate) fn shown(&self) -> String {
        match self.based.strip_suffix("/...").or_else(|| self.based.strip_suffix("/*")) {
            Some(prefix) => format!("{prefix} (wildcard)"),
            None => self.based.clone(),
        }
    }

    /// The route as in the manifest, without a trailing `/...`.
    pub(crate) fn prefix(&self) -> &str {
        self.raw.strip_suffix("/...").unwrap_or(&self.raw)
    }
}

impl<'a> RouteMatch<'a> {
    /// A path that goes to [`Route::chained`], whatever it is.
    pub(crate) fn chained(route: &'a Route, path: &'a str) -> Self {
        Self { route, captures: None, path }
    }

    /// The parameters of the route and what stands for them in the path.
    pub(crate) fn parameters(&self) -> impl Iterator<Item = (&str, &str)> {
        self.captures.iter().flat_map(Captures::iter)
    }

    /// What stands for the trailing wildcard, with its slashes; empty if there is none.
    pub(crate) fn trailing(&self) -> String {
        let Some(captures) = &self.captures else { return self.path.to_owned() };
        match captures.wildcard() {
            None => String::new(),
            // The crate drops the slashes at both ends; Spin has always kept them.
            Some("") => if self.path.ends_with('/') { "/" } else { "" }.to_owned(),
            Some(rest) => format!("/{rest}{}", if self.path.ends_with('/') { "/" } else { "" }),
        }
    }
}

fn based(raw: &str) -> String {
    let absolute = if raw.starts_with('/') { raw.to_owned() } else { format!("/{raw}") };
    absolute.strip_suffix('/').map(str::to_owned).unwrap_or(absolute)
}

fn spec(based: &str) -> Result<RouteSpec, String> {
    match based.strip_suffix("/...") {
        Some(prefix) => format!("{prefix}/*").as_str().try_into(),
        None => based.try_into(),
    }
}

#[cfg(test)]
mod tests {
    // Every rule is one of Spin's crates/routes/src/lib.rs.
    use super::*;

    fn router(routes: &[(&str, &str)]) -> Router {
        Router::build(routes.iter().copied()).unwrap().0
    }

    fn found(router: &Router, path: &str) -> Option<String> {
        router.find(path).map(|found| found.route.component.clone())
    }

    #[test]
    fn an_exact_route_matches_itself_only() {
        let router = router(&[("a", "/a"), ("ab", "/a/b"), ("root", "/")]);
        for (path, component) in
            [("/a", Some("a")), ("/a/", Some("a")), ("/a/b", Some("ab")), ("/", Some("root")), ("/x", None)]
        {
            assert_eq!(found(&router, path).as_deref(), component, "{path}");
        }
    }

    #[test]
    fn a_trailing_wildcard_matches_its_prefix_and_all_below() {
        for route in ["/a/...", "/a/*"] {
            let router = router(&[("a", route)]);
            for path in ["/a", "/a/", "/a/b", "/a/b/c/"] {
                assert_eq!(found(&router, path).as_deref(), Some("a"), "{route} {path}");
            }
            assert_eq!(found(&router, "/ab"), None);
        }
    }

    #[test]
    fn the_longest_route_wins_whatever_the_order() {
        let routes = [("all", "/..."), ("one", "/one/..."), ("two", "/one/two/..."), ("exact", "/one/two/three")];
        for routes in [routes.to_vec(), routes.into_iter().rev().collect()] {
            let router = router(&routes);
            assert_eq!(found(&router, "/one/two/three").as_deref(), Some("exact"));
            assert_eq!(found(&router, "/one/two/four").as_deref(), Some("two"));
            assert_eq!(found(&router, "/one/four").as_deref(), Some("one"));
            assert_eq!(found(&router, "/four").as_deref(), Some("all"));
        }
    }

    #[test]
    fn an_exact_segment_beats_a_parameter_which_beats_a_wildcard() {
        let router = router(&[("wildcard", "/u/..."), ("parameter", "/u/:id"), ("exact", "/u/me")]);
        assert_eq!(found(&router, "/u/me").as_deref(), Some("exact"));
        assert_eq!(found(&router, "/u/7").as_deref(), Some("parameter"));
        assert_eq!(found(&router, "/u/7/x").as_deref(), Some("wildcard"));
    }

    #[test]
    fn a_doubled_slash_is_not_a_single_one() {
        assert_eq!(found(&router(&[("a", "/a/b")]), "/a//b"), None);
    }

    // docs/decisions/0002: routefinder 0.5 compares `/.well-known/...` with `/...` and with `/api/...` in ways that do
    // not fit together, so the order of the manifest decides where the catch-all comes.
    #[test]
    fn a_dot_in_a_route_that_comes_first_hides_others_behind_the_catch_all() {
        let (dot, api, all) = (("dot", "/.well-known/jwks.json"), ("api", "/api/auth/..."), ("all", "/..."));
        assert_eq!(found(&router(&[api, all, dot]), "/api/auth/login").as_deref(), Some("api"));
        assert_eq!(found(&router(&[api, dot, all]), "/api/auth/login").as_deref(), Some("all"));
    }

    #[test]
    fn the_trailing_part_keeps_its_slashes() {
        let router = router(&[("a", "/a/...")]);
        for (path, trailing) in [("/a", ""), ("/a/", "/"), ("/a/b", "/b"), ("/a/b/", "/b/"), ("/a/b/c", "/b/c")] {
            assert_eq!(router.find(path).unwrap().trailing(), trailing, "{path}");
        }
    }

    #[test]
    fn parameters_are_captured() {
        let router = router(&[("a", "/a/:one/b/:two/...")]);
        let found = router.find("/a/1/b/2/3").unwrap();
        let mut parameters: Vec<_> = found.parameters().collect();
        parameters.sort_unstable();
        assert_eq!(parameters, [("one", "1"), ("two", "2")]);
        assert_eq!(found.trailing(), "/3");
    }

    #[test]
    fn who_is_called_by_name_has_the_whole_path() {
        let route = Route::chained("a");
        let found = RouteMatch::chained(&route, "/b/c/");
        assert_eq!((found.trailing().as_str(), found.route.prefix(), found.parameters().count()), ("/b/c/", "", 0));
    }

    #[test]
    fn of_equal_routes_the_last_one_counts() {
        let (router, duplicates) = Router::build([("first", "/a"), ("other", "/b"), ("second", "/a")]).unwrap();
        assert_eq!(found(&router, "/a").as_deref(), Some("second"));
        let duplicate = Duplicate { route: "/a".into(), replaced: "first".into(), effective: "second".into() };
        assert_eq!(duplicates, [duplicate]);
    }

    #[test]
    fn wildcards_are_shown_by_their_prefix() {
        let (router, _) = Router::build([("a", "/a/..."), ("b", "/b"), ("all", "/...")]).unwrap();
        let mut shown: Vec<_> = router.routes().map(Route::shown).collect();
        shown.sort();
        assert_eq!(shown, [" (wildcard)", "/a (wildcard)", "/b"]);
    }

    #[test]
    fn a_wildcard_with_a_name_is_an_error() {
        assert!(Router::build([("a", "/a/*rest")]).is_err());
    }
}
