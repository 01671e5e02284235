//! What is wrong with a component's configuration, told to the other components of the application and to nobody else.
//!
//! A component sees its own variables only, so nobody else can say what is wrong with them: `/readyz` of `ops` asks each, over
//! Spin's local service chaining, at `http://<component>.spin.internal` and [`PATH`]. That is how the host calls a component
//! for another one, no route leads there, and nothing else of a component can be reached so. It is no part of the public API,
//! hence not in the OpenAPI document.

use http::request::Parts;
use http::uri::Authority;
use serde::{Deserialize, Serialize};

use crate::variables::Problem;

/// Where a component is asked.
pub const PATH: &str = "/configuration";

/// What the host's names for components end with.
const DOMAIN: &str = ".spin.internal";

/// What the host gives as the address of a client that is a component.
const COMPONENT: &str = "0.0.0.0:0";

/// The answer: names and reasons, never a value.
#[derive(Debug, Deserialize, Serialize)]
pub struct Configuration {
    /// None when the component can work.
    pub problems: Vec<Problem>,
}

/// Whether another component of the application sent this.
///
/// The authority alone proves nothing: of a client's request Spin removes `host: *.spin.internal`, and then takes the authority
/// of an absolute request target, or of HTTP/2. The last `spin-client-addr` is Spin's own, and no client has the address that it
/// gives a component (crates/devhost/tests/platform/chaining.rs).
pub(crate) fn is_between_components(parts: &Parts) -> bool {
    let client = parts.headers.get_all("spin-client-addr").iter().next_back();
    let host = parts.uri.authority().map(Authority::host);
    client.is_some_and(|address| address == COMPONENT) && host.is_some_and(|host| host.ends_with(DOMAIN))
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn parts(uri: &str, clients: &[&str]) -> Parts {
        let request =
            clients.iter().fold(Request::get(uri), |request, client| request.header("spin-client-addr", *client));
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn the_host_calls_a_component_for_another_one() {
        assert!(is_between_components(&parts("http://auth.spin.internal/configuration", &["0.0.0.0:0"])));
        assert!(is_between_components(&parts("http://auth.spin.internal:80/", &["10.0.0.9:4711", "0.0.0.0:0"])));
    }

    #[test]
    fn no_client_can_pass_for_a_component() {
        for (uri, clients) in [
            ("http://auth.spin.internal/configuration", &["0.0.0.0:0", "10.0.0.9:4711"][..]),
            ("http://auth.spin.internal/configuration", &["10.0.0.9:4711"]),
            ("http://auth.spin.internal/configuration", &[]),
            ("http://desk.test/configuration", &["0.0.0.0:0"]),
            ("/configuration", &["0.0.0.0:0"]),
        ] {
            assert!(!is_between_components(&parts(uri, clients)), "{uri} {clients:?}");
        }
    }
}
