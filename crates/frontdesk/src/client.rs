//! Who sent a request over the network, as far as that can be told.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use axum::extract::{FromRef, FromRequestParts};
use http::HeaderMap;
use http::request::Parts;
use http::uri::Authority;
use ipnet::IpNet;
use uuid::Uuid;

use crate::app::App;
use crate::audit::Actor;
use crate::request::request_id_of;
use crate::text;

/// The longest `user-agent` that is kept, in characters.
const MAX_USER_AGENT: usize = 512;
/// How much of an IPv6 address is one customer's: who has any of these has all (RFC 6177).
const IPV6_CUSTOMER: u8 = 64;

/// How much of an IPv4 address is the same when somebody comes back the next day.
const KNOWN_IPV4: u8 = 24;

/// Where a request came from.
#[derive(Clone, Debug)]
pub struct Client {
    ip: Option<IpAddr>,
    user_agent: Option<String>,
    is_https: bool,
    called: Option<Authority>,
    untrusted_proxy: Option<IpAddr>,
    /// Whether the address is a proxy's: one that is not trusted, or one that does not say who came to it.
    is_shared: bool,
    request_id: String,
}

impl Client {
    pub(crate) fn of(parts: &Parts, trusted: &TrustedProxies) -> Self {
        let peer = peer(&parts.headers);
        let is_behind_proxy = peer.is_some_and(|peer| trusted.contain(peer));
        let ip = peer.map(|peer| trusted.client_of(peer, &parts.headers));
        // A proxy may pass TLS on, and say nothing of it.
        let is_https = match first(&parts.headers, "x-forwarded-proto").filter(|_| is_behind_proxy) {
            Some(scheme) => scheme.eq_ignore_ascii_case("https") || scheme.eq_ignore_ascii_case("wss"),
            None => last(&parts.headers, "spin-full-url").is_some_and(|url| url.starts_with("https://")),
        };
        let user_agent = parts.headers.get("user-agent").map(|value| String::from_utf8_lossy(value.as_bytes()));
        Self {
            ip,
            user_agent: user_agent.map(|text| text::clean(&text).chars().take(MAX_USER_AGENT).collect()),
            is_https,
            called: trusted.called(parts),
            untrusted_proxy: peer.filter(|_| !is_behind_proxy && parts.headers.contains_key("x-forwarded-for")),
            is_shared: parts.headers.contains_key("x-forwarded-for") && !is_behind_proxy
                || ip.is_some_and(|ip| trusted.contain(ip)),
            request_id: request_id_of(parts).to_owned(),
        }
    }

    /// The address, without a port.
    pub fn ip(&self) -> Option<String> {
        self.ip.map(|ip| ip.to_string())
    }

    /// What counts as one client where tries are counted: an address, of IPv6 the network of one customer.
    pub fn network(&self) -> String {
        match self.ip {
            Some(IpAddr::V4(ip)) => ip.to_string(),
            Some(IpAddr::V6(ip)) => {
                let network = u128::from(ip) >> (128 - IPV6_CUSTOMER) << (128 - IPV6_CUSTOMER);
                format!("{}/{IPV6_CUSTOMER}", Ipv6Addr::from(network))
            }
            None => "unknown".to_owned(),
        }
    }

    /// The network by which the owner of an account is recognised (/24, /64); none where everybody has the same, because the address is
    /// a proxy's.
    pub fn known_network(&self) -> Option<String> {
        let network = match self.ip? {
            IpAddr::V4(ip) => IpNet::new(ip.into(), KNOWN_IPV4),
            IpAddr::V6(ip) => IpNet::new(ip.into(), IPV6_CUSTOMER),
        };
        network.ok().filter(|_| !self.is_shared).map(|network| network.trunc().to_string())
    }

    /// The `user-agent`, without what would change how a list of sessions looks, cut to 512 characters. What of it is no UTF-8 is
    /// replaced.
    pub fn user_agent(&self) -> Option<&str> {
        self.user_agent.as_deref()
    }

    /// By which scheme we were called.
    pub fn scheme(&self) -> &'static str {
        if self.is_https { "https" } else { "http" }
    }

    /// What the client called us.
    pub fn called(&self) -> Option<&Authority> {
        self.called.as_ref()
    }

    /// The address of a proxy that is not trusted, if the request came through one as far as its headers tell: all who come through it
    /// are one client.
    pub fn untrusted_proxy(&self) -> Option<String> {
        self.untrusted_proxy.map(|ip| ip.to_string())
    }

    /// For the audit log: what comes from here is done by somebody, or by nobody who is known.
    pub fn actor(&self, id: Option<Uuid>) -> Actor {
        Actor::new(id, self.ip(), self.request_id.clone())
    }
}

impl<S> FromRequestParts<S> for Client
where
    S: Sync,
    App: FromRef<S>,
{
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        Ok(Self::of(parts, App::from_ref(state).trusted_proxies()))
    }
}

/// Networks whose proxies say truly, in `x-forwarded-for`, who came to them.
#[derive(Clone, Debug, Default)]
pub struct TrustedProxies(Vec<IpNet>);

impl TrustedProxies {
    /// From the variable `trusted_proxies`: networks in CIDR notation, or addresses, between commas.
    ///
    /// # Errors
    /// When one is neither.
    pub fn parse(text: &str) -> Result<Self, String> {
        let network = |text: &str| {
            let network = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from)).map(canonical);
            network.map_err(|_| "is not a list of networks like 10.0.0.0/8, between commas".to_owned())
        };
        text.split(',').map(str::trim).filter(|text| !text.is_empty()).map(network).collect::<Result<_, _>>().map(Self)
    }

    /// Whether one of them has this address.
    pub fn has(&self, ip: &str) -> bool {
        ip.parse().is_ok_and(|ip| self.contain(ip))
    }

    fn contain(&self, ip: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&ip))
    }

    /// What the client called us: a trusted proxy knows better than the URL, in which it may have put another host. HTTP/2 has no
    /// `host`; Spin gives every URL an authority.
    pub(crate) fn called(&self, parts: &Parts) -> Option<Authority> {
        let is_behind_proxy = peer(&parts.headers).is_some_and(|peer| self.contain(peer));
        let forwarded = first(&parts.headers, "x-forwarded-host").filter(|_| is_behind_proxy);
        let forwarded = forwarded.and_then(|host| host.parse().ok()).filter(is_host_and_port);
        forwarded.or_else(|| parts.uri.authority().cloned())
    }

    /// Read from the right: each proxy has appended who came to it, and what is left of the first that is not trusted may be
    /// anything. One that is no address ends it too.
    fn client_of(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = peer;
        for hop in elements(headers, "x-forwarded-for").rev() {
            if !self.contain(client) {
                break;
            }
            match std::str::from_utf8(hop).ok().and_then(address) {
                Some(ip) => client = ip,
                None => break,
            }
        }
        client
    }
}

/// A network of IPv4 as such, though it was written as one of IPv6: addresses are compared so too.
fn canonical(network: IpNet) -> IpNet {
    let mapped = match network {
        IpNet::V6(network) => network.addr().to_ipv4_mapped().zip(network.prefix_len().checked_sub(96)),
        IpNet::V4(_) => None,
    };
    mapped.and_then(|(ip, length)| IpNet::new(ip.into(), length).ok()).unwrap_or(network)
}

/// Spin appends its own value behind whatever the client sent under this name: only the last one is Spin's.
fn peer(headers: &HeaderMap) -> Option<IpAddr> {
    last(headers, "spin-client-addr").and_then(address)
}

fn last<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get_all(name).iter().next_back().and_then(|value| value.to_str().ok())
}

/// The first element of a list, if it is text.
fn first<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    elements(headers, name).next().and_then(|element| std::str::from_utf8(element).ok())
}

/// The elements of a list, which may have several lines, without empty ones. They are cut out of the bytes: one that is no text must not
/// take the others of its line along, which a proxy has written.
fn elements<'a>(headers: &'a HeaderMap, name: &str) -> impl DoubleEndedIterator<Item = &'a [u8]> {
    let elements = headers.get_all(name).iter().flat_map(|line| line.as_bytes().split(|byte| *byte == b','));
    elements.map(<[u8]>::trim_ascii).filter(|element| !element.is_empty())
}

fn is_host_and_port(authority: &Authority) -> bool {
    let is_of_host = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b'[' | b']' | b':');
    let port = authority.as_str().strip_prefix(authority.host());
    let has_port = port.is_some_and(|port| port.is_empty() || authority.port_u16().is_some());
    has_port && !authority.host().is_empty() && authority.host().bytes().all(is_of_host)
}

/// With a port or without, of IPv6 with brackets or without.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let ip = bare.parse().or_else(|_| text.parse::<SocketAddr>().map(|address| address.ip())).ok()?;
    Some(IpAddr::to_canonical(&ip))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(trusted: &str, headers: &[(&str, &str)]) -> Client {
        let request = http::Request::get("http://desk.example.com/");
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        Client::of(&request.body(()).unwrap().into_parts().0, &TrustedProxies::parse(trusted).unwrap())
    }

    fn ip(trusted: &str, headers: &[(&str, &str)]) -> Option<String> {
        client(trusted, headers).ip()
    }

    const PEER: (&str, &str) = ("spin-client-addr", "10.0.0.9:4711");

    #[test]
    fn the_last_client_address_is_the_one_that_spin_wrote() {
        assert_eq!(ip("", &[("spin-client-addr", "6.6.6.6:1"), PEER]).as_deref(), Some("10.0.0.9"));
        assert_eq!(ip("", &[("spin-client-addr", "[2001:db8::1]:80")]).as_deref(), Some("2001:db8::1"));
        assert_eq!(ip("", &[("spin-client-addr", "[::ffff:10.0.0.9]:80")]).as_deref(), Some("10.0.0.9"));
        assert_eq!(ip("", &[]), None);
        assert_eq!(ip("", &[("x-forwarded-for", "6.6.6.6")]), None);
    }

    #[test]
    fn only_a_trusted_proxy_says_who_came_to_it() {
        let forwarded = ("x-forwarded-for", "6.6.6.6, 203.0.113.7, 10.1.2.3");
        for trusted in ["", "192.168.0.0/16", "10.0.0.8"] {
            assert_eq!(ip(trusted, &[PEER, forwarded]).as_deref(), Some("10.0.0.9"), "{trusted}");
        }
        assert_eq!(ip("10.0.0.9", &[PEER, forwarded]).as_deref(), Some("10.1.2.3"));
        assert_eq!(ip("10.0.0.0/8", &[PEER, forwarded]).as_deref(), Some("203.0.113.7"));
        assert_eq!(ip("10.0.0.0/8, 203.0.113.0/24", &[PEER, forwarded]).as_deref(), Some("6.6.6.6"));
        assert_eq!(ip("0.0.0.0/0", &[PEER, forwarded]).as_deref(), Some("6.6.6.6"));
        assert_eq!(ip("10.0.0.0/8", &[PEER]).as_deref(), Some("10.0.0.9"));
        assert_eq!(ip("::ffff:10.0.0.9", &[PEER, forwarded]).as_deref(), Some("10.1.2.3"));
        assert_eq!(ip("::ffff:10.0.0.0/104", &[PEER, forwarded]).as_deref(), Some("203.0.113.7"));
    }

    #[test]
    fn what_proxies_have_said_is_read_from_the_right_whatever_its_form() {
        for (said, client) in [
            (["203.0.113.7", "10.1.2.3"], "203.0.113.7"),
            (["6.6.6.6", "203.0.113.7:55, 10.1.2.3:80"], "203.0.113.7"),
            (["6.6.6.6", "[2001:db8::1]:55"], "2001:db8::1"),
            (["6.6.6.6", "2001:db8::1"], "2001:db8::1"),
            (["6.6.6.6", "[2001:db8::1]"], "2001:db8::1"),
            (["6.6.6.6", "::ffff:203.0.113.7"], "203.0.113.7"),
            // The last that is known to be true.
            (["6.6.6.6", "unknown, 10.1.2.3"], "10.1.2.3"),
            (["6.6.6.6", "unknown"], "10.0.0.9"),
            (["203.0.113.7", ""], "203.0.113.7"),
            ([",203.0.113.7, ,", " , 10.1.2.3,,"], "203.0.113.7"),
            // What is no text ends it as what is no address does, and nothing behind it.
            (["6.6.6.6", "\u{e9}, 203.0.113.7"], "203.0.113.7"),
            (["6.6.6.6", "\u{e9}"], "10.0.0.9"),
            (["6.6.6.6", "203.0.113.7\u{a0}"], "10.0.0.9"),
        ] {
            let headers = [PEER, ("x-forwarded-for", said[0]), ("x-forwarded-for", said[1])];
            assert_eq!(ip("10.0.0.0/8", &headers).as_deref(), Some(client), "{said:?}");
        }
    }

    #[test]
    fn a_proxy_says_by_which_scheme_it_was_called() {
        let proto = ("x-forwarded-proto", "https");
        let url = ("spin-full-url", "http://desk.example.com/");
        assert_eq!(client("10.0.0.0/8", &[PEER, proto, url]).scheme(), "https");
        assert_eq!(client("", &[PEER, proto, url]).scheme(), "http");
        assert_eq!(client("10.0.0.0/8", &[PEER, ("spin-full-url", "https://x/")]).scheme(), "https");
        assert_eq!(client("", &[PEER, ("spin-full-url", "https://x/"), url]).scheme(), "http");
        for (said, scheme) in [
            (["wss", "http"], "https"),
            (["HTTPS, http", "http"], "https"),
            ([", https", "http"], "https"),
            (["", "https"], "https"),
            (["http, https", "https"], "http"),
            (["\u{e9}, https", "https"], "http"),
            (["ws", "https"], "http"),
        ] {
            let headers = [PEER, ("x-forwarded-proto", said[0]), ("x-forwarded-proto", said[1]), url];
            assert_eq!(client("10.0.0.0/8", &headers).scheme(), scheme, "{said:?}");
        }
    }

    #[test]
    fn a_trusted_proxy_says_what_the_client_called_us() {
        let called = |trusted: &str, said: &[&str]| {
            let said = said.iter().map(|host| ("x-forwarded-host", *host));
            client(trusted, &[PEER].into_iter().chain(said).collect::<Vec<_>>()).called().map(ToString::to_string)
        };
        for (said, host) in [
            (&["people.example.com"][..], "people.example.com"),
            (&["people.example.com:8443, inner", "other"], "people.example.com:8443"),
            (&["", " , people.example.com"], "people.example.com"),
            (&["[2001:db8::1]:8443"], "[2001:db8::1]:8443"),
            // What is no host and port says nothing.
            (&["ada@people.example.com"], "desk.example.com"),
            (&["people.example.com/x"], "desk.example.com"),
            (&["people.example.com:99999"], "desk.example.com"),
            (&["people.example.com:"], "desk.example.com"),
            (&["*.example.com"], "desk.example.com"),
            (&["people.example.com;x=1"], "desk.example.com"),
            (&["\u{e9}", "people.example.com"], "desk.example.com"),
            (&["\u{e9}, people.example.com"], "desk.example.com"),
            (&[""], "desk.example.com"),
            (&[], "desk.example.com"),
        ] {
            assert_eq!(called("10.0.0.0/8", said).as_deref(), Some(host), "{said:?}");
            assert_eq!(called("", said).as_deref(), Some("desk.example.com"), "{said:?}");
        }
    }

    #[test]
    fn a_proxy_that_is_not_trusted_is_noticed() {
        let noticed = |trusted: &str, headers: &[(&str, &str)]| client(trusted, headers).untrusted_proxy();
        let forwarded = ("x-forwarded-for", "203.0.113.7");
        assert_eq!(noticed("", &[PEER, forwarded]).as_deref(), Some("10.0.0.9"));
        assert_eq!(noticed("", &[PEER]), None);
        assert_eq!(noticed("10.0.0.0/8", &[PEER, forwarded]), None);
        assert_eq!(noticed("", &[forwarded]), None);
    }

    #[test]
    fn of_ipv6_a_whole_network_is_one_client() {
        let network = |address: &str| client("", &[("spin-client-addr", address)]).network();
        assert_eq!(network("[2001:db8:0:1:2:3:4:5]:1"), "2001:db8:0:1::/64");
        assert_eq!(network("[2001:db8:0:1::9]:1"), network("[2001:db8:0:1:ffff::]:1"));
        assert_ne!(network("[2001:db8:0:2::9]:1"), network("[2001:db8:0:1::9]:1"));
        assert_eq!(network("10.0.0.9:1"), "10.0.0.9");
        assert_eq!(client("", &[]).network(), "unknown");
    }

    #[test]
    fn an_owner_is_recognised_by_the_network_unless_a_proxy_hides_it() {
        let network = |trusted: &str, headers: &[(&str, &str)]| client(trusted, headers).known_network();
        let forwarded = ("x-forwarded-for", "203.0.113.7");
        assert_eq!(network("", &[PEER]).as_deref(), Some("10.0.0.0/24"));
        assert_eq!(network("10.0.0.0/8", &[PEER, forwarded]).as_deref(), Some("203.0.113.0/24"));
        assert_eq!(network("", &[("spin-client-addr", "[2001:db8:0:1::9]:1")]).as_deref(), Some("2001:db8:0:1::/64"));
        assert_eq!(network("", &[PEER, forwarded]), None);
        assert_eq!(network("10.0.0.0/8", &[PEER]), None);
        assert_eq!(network("", &[]), None);
    }

    #[test]
    fn a_user_agent_survives_an_unreadable_character() {
        let user_agent = |bytes: &[u8]| {
            let request = http::Request::get("http://desk.example.com/").header("user-agent", bytes);
            let parts = request.body(()).unwrap().into_parts().0;
            Client::of(&parts, &TrustedProxies::default()).user_agent().map(str::to_owned)
        };
        assert_eq!(user_agent(b"Caf\xe9/1").as_deref(), Some("Caf\u{fffd}/1"));
        assert_eq!(user_agent("Café/1".as_bytes()).as_deref(), Some("Café/1"));
        assert_eq!(user_agent(&[0xff; 600]), Some("\u{fffd}".repeat(512)));
        assert_eq!(user_agent("é".repeat(600).as_bytes()), Some("é".repeat(512)));
    }

    #[test]
    fn networks_are_networks() {
        for text in ["10.0.0.0/33", "localhost", "10.0.0.0/8;10.1.0.0/16", "*"] {
            assert!(TrustedProxies::parse(text).is_err(), "{text} passed");
        }
    }
}
