//! What is done to a request before a component sees it: its URI made absolute, Spin's headers added.
//!
//! Mirrors Spin's crates/trigger-http/src/{headers,server,wasi}.rs. What a client sends under the same names stays,
//! before Spin's own: a component that wants Spin's takes the last value. `X-Forwarded-*` is not looked at.

use std::net::SocketAddr;

use anyhow::{Context, bail};
use http::header::{CONNECTION, HOST};
use http::uri::{Authority, Scheme};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Uri};

use crate::routes::RouteMatch;

/// Removes what concerns the connection and not the request, before the request is routed.
pub(crate) fn strip<B>(request: &mut Request<B>) {
    let headers = request.headers_mut();
    if headers.get(HOST).and_then(|host| host.to_str().ok()).is_some_and(is_service_chaining_host) {
        headers.remove(HOST);
    }
    headers.remove(CONNECTION);
}

/// Makes the URI absolute with the authority that the request itself or its `Host` header names.
///
/// # Errors
///
/// There is none, or there are two that differ. Spin closes the connection without an answer.
pub(crate) fn set_uri<B>(request: &mut Request<B>) -> anyhow::Result<()> {
    let from_header = request
        .headers()
        .get(HOST)
        .map(|host| -> anyhow::Result<Authority> {
            let text = host.to_str().context("'Host' header is not valid UTF-8")?;
            text.parse().context("'Host' header contains an invalid authority")
        })
        .transpose()?;
    let mut parts = request.uri().clone().into_parts();
    let authority = match (from_header, parts.authority.take()) {
        (None, None) => bail!("no 'Host' header present in request"),
        (Some(header), Some(uri)) if header != uri => {
            bail!("authority in 'Host' header does not match authority in URI")
        }
        (Some(authority), _) | (None, Some(authority)) => authority,
    };
    parts.scheme = Some(Scheme::HTTP);
    parts.authority = Some(authority);
    *request.uri_mut() = Uri::from_parts(parts)?;
    Ok(())
}

/// Appends Spin's headers.
///
/// # Errors
///
/// A header of the client is not UTF-8. Spin answers 500 before the component runs.
pub(crate) fn append<B>(request: &mut Request<B>, found: &RouteMatch<'_>, client: SocketAddr) -> anyhow::Result<()> {
    for (name, value) in request.headers() {
        std::str::from_utf8(value.as_bytes()).with_context(|| format!("header {name} is not valid UTF-8"))?;
    }
    let host = match request.headers().get(HOST) {
        Some(host) => std::str::from_utf8(host.as_bytes())?.to_owned(),
        None => "localhost".to_owned(),
    };
    let uri = request.uri();
    let path_and_query = uri.path_and_query().context("the request has no path")?;
    let full_url = format!("{}://{host}{path_and_query}", uri.scheme_str().unwrap_or("http"));
    let headers = request.headers_mut();
    push(headers, "spin-path-info", &found.trailing());
    push(headers, "spin-full-url", &full_url);
    push(headers, "spin-matched-route", &found.route.based);
    push(headers, "spin-base-path", "/");
    push(headers, "spin-raw-component-route", &found.route.raw);
    push(headers, "spin-component-route", found.route.prefix());
    push(headers, "spin-client-addr", &client.to_string());
    for (name, value) in found.parameters() {
        push(headers, &format!("spin-path-match-{}", name.replace('_', "-").to_ascii_lowercase()), value);
    }
    Ok(())
}

/// A name or a value that no header can have is left out, as in Spin.
fn push(headers: &mut HeaderMap, name: &str, value: &str) {
    if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::from_bytes(value.as_bytes())) {
        headers.append(name, value);
    }
}

/// `<component>.spin.internal`, with or without a port.
pub(crate) fn is_service_chaining_host(host: &str) -> bool {
    service_chaining_target(host).is_some()
}

/// The component of `<component>.spin.internal`, with or without a port.
pub(crate) fn service_chaining_target(host: &str) -> Option<&str> {
    let host = host.rsplit_once(':').map_or(host, |(host, _)| host);
    host.split_once('.').filter(|(_, domain)| *domain == "spin.internal").map(|(component, _)| component)
}

#[cfg(test)]
mod tests {
    // Every rule is one of Spin's crates/trigger-http/src/{headers,server}.rs.
    use super::*;
    use crate::routes::Router;

    const CLIENT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 5678);

    fn request(uri: &str, headers: &[(&str, &[u8])]) -> Request<()> {
        let mut request = Request::builder().uri(uri).body(()).unwrap();
        for (name, value) in headers {
            request.headers_mut().append(HeaderName::try_from(*name).unwrap(), HeaderValue::from_bytes(value).unwrap());
        }
        request
    }

    fn appended(route: &str, mut request: Request<()>) -> anyhow::Result<HeaderMap> {
        let (router, _) = Router::build([("c", route)]).unwrap();
        set_uri(&mut request)?;
        let path = request.uri().path().to_owned();
        append(&mut request, &router.find(&path).unwrap(), CLIENT)?;
        Ok(request.into_parts().0.headers)
    }

    fn all<'a>(headers: &'a HeaderMap, name: &str) -> Vec<&'a str> {
        headers.get_all(name).iter().map(|value| value.to_str().unwrap()).collect()
    }

    #[test]
    fn spins_headers_say_how_the_request_was_routed() {
        let headers = appended("/api/:user_id/...", request("/api/7/a/b?q=1", &[("host", b"x.test:81")])).unwrap();
        for (name, value) in [
            ("spin-path-info", "/a/b"),
            ("spin-full-url", "http://x.test:81/api/7/a/b?q=1"),
            ("spin-matched-route", "/api/:user_id/..."),
            ("spin-base-path", "/"),
            ("spin-raw-component-route", "/api/:user_id/..."),
            ("spin-component-route", "/api/:user_id"),
            ("spin-client-addr", "127.0.0.1:5678"),
            ("spin-path-match-user-id", "7"),
        ] {
            assert_eq!(all(&headers, name), [value], "{name}");
        }
    }

    #[test]
    fn the_clients_own_spin_headers_stay_and_come_first() {
        let sent: &[(&str, &[u8])] =
            &[("host", b"x"), ("spin-client-addr", b"6.6.6.6:1"), ("spin-path-match-other", b"o")];
        let headers = appended("/...", request("/", sent)).unwrap();
        assert_eq!(all(&headers, "spin-client-addr"), ["6.6.6.6:1", "127.0.0.1:5678"]);
        assert_eq!(all(&headers, "spin-path-match-other"), ["o"]);
    }

    #[test]
    fn a_value_that_is_not_utf_8_is_an_error() {
        appended("/...", request("/", &[("host", b"x"), ("x-name", b"\xff")])).unwrap_err();
        appended("/...", request("/", &[("host", b"x"), ("x-name", "\u{e4}".as_bytes())])).unwrap();
    }

    #[test]
    fn connection_is_removed() {
        let mut request = request("/", &[("connection", b"keep-alive"), ("host", b"x")]);
        strip(&mut request);
        assert!(!request.headers().contains_key("connection"));
        assert!(request.headers().contains_key("host"));
    }

    #[test]
    fn a_host_header_of_service_chaining_is_removed() {
        for (host, stays) in [("auth.spin.internal", false), ("auth.spin.internal:80", false), ("spin.internal", true)]
        {
            let mut request = request("/", &[("host", host.as_bytes())]);
            strip(&mut request);
            assert_eq!(request.headers().contains_key("host"), stays, "{host}");
        }
    }

    #[test]
    fn the_uri_takes_the_authority_of_the_host_header() {
        let mut request = request("/a?b", &[("host", b"x.test:81")]);
        set_uri(&mut request).unwrap();
        assert_eq!(request.uri(), "http://x.test:81/a?b");
    }

    #[test]
    fn a_request_without_one_authority_is_an_error() {
        set_uri(&mut request("/", &[])).unwrap_err();
        set_uri(&mut request("/", &[("host", b"a b")])).unwrap_err();
        set_uri(&mut request("http://a/", &[("host", b"b")])).unwrap_err();
        set_uri(&mut request("http://a/", &[("host", b"a")])).unwrap();
        set_uri(&mut request("http://a/", &[])).unwrap();
    }
}
