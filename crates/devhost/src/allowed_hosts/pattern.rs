//! One entry of `allowed_outbound_hosts`: its grammar, and what it matches.

use std::ops::Range;

use anyhow::{Context, bail};
use ip_network::IpNetwork;
use url::Host;

use super::Destination;

/// `scheme://host[:port]`, each of which may be a wildcard.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Pattern {
    /// None is any.
    scheme: Option<String>,
    host: HostPattern,
    /// None is any.
    port: Option<Range<u32>>,
}

/// Which hosts match.
#[derive(Debug, PartialEq, Eq)]
enum HostPattern {
    Any,
    /// The suffix, with its leading dot.
    Subdomains(String),
    /// The application itself, by a relative URL.
    Itself,
    Literal(Host),
    Network(IpNetwork),
}

impl Pattern {
    /// Parses an entry in which no variable is left.
    pub(super) fn parse(entry: &str) -> anyhow::Result<Self> {
        let entry = entry.trim();
        let Some((scheme, rest)) = entry.split_once("://") else {
            bail!("{entry:?} is not of the form scheme://host[:port]");
        };
        let (host, port) = split_port(rest).with_context(|| format!("{entry:?}"))?;
        Ok(Self {
            port: parse_port(port, scheme).with_context(|| format!("{entry:?}: invalid port {port:?}"))?,
            scheme: parse_scheme(scheme).with_context(|| format!("{entry:?}: invalid scheme {scheme:?}"))?,
            host: HostPattern::parse(host).with_context(|| format!("{entry:?}: invalid host {host:?}"))?,
        })
    }

    /// Whether the destination matches.
    pub(super) fn allows(&self, destination: &Destination) -> bool {
        self.scheme.as_ref().is_none_or(|scheme| *scheme == destination.scheme)
            && self.host.allows(&destination.host)
            && self.port.as_ref().is_none_or(|ports| {
                let port = destination.port.or_else(|| default_port(&destination.scheme));
                port.is_some_and(|port| ports.contains(&u32::from(port)))
            })
    }

    /// Whether relative URLs match; their scheme is http or https.
    pub(super) fn allows_self(&self) -> bool {
        self.scheme.as_ref().is_none_or(|scheme| scheme == "http" || scheme == "https")
            && matches!(self.host, HostPattern::Any | HostPattern::Itself)
    }
}

/// The port is what stands after the last colon, unless that colon is part of an IPv6 address or network.
fn split_port(rest: &str) -> anyhow::Result<(&str, &str)> {
    match rest.rsplit_once(':') {
        None => Ok((rest, "")),
        Some((host, "")) => Ok((host, "")),
        Some(_) if HostPattern::parse(rest).is_ok() => Ok((rest, "")),
        Some((host, tail)) => match tail.split_once('/') {
            None => Ok((host, tail)),
            Some((port, "")) => Ok((host, port)),
            Some(_) => bail!("a path is not allowed"),
        },
    }
}

fn parse_scheme(scheme: &str) -> anyhow::Result<Option<String>> {
    match scheme {
        "*" => Ok(None),
        _ if scheme.chars().all(char::is_alphabetic) => Ok(Some(scheme.to_owned())),
        _ => bail!("only alphabetic characters are allowed"),
    }
}

fn parse_port(port: &str, scheme: &str) -> anyhow::Result<Option<Range<u32>>> {
    let number = |text: &str| text.parse::<u16>().map(u32::from).with_context(|| format!("{text:?} is not a port"));
    match port {
        "*" => Ok(None),
        "" => {
            let port = default_port(scheme).context("the scheme has no default port")?;
            Ok(Some(u32::from(port)..u32::from(port) + 1))
        }
        // The end is not part of a range, as in Spin.
        _ => match port.split_once("..") {
            Some((start, end)) => Ok(Some(number(start)?..number(end)?)),
            None => number(port).map(|port| Some(port..port + 1)),
        },
    }
}

fn default_port(scheme: &str) -> Option<u16> {
    match scheme {
        "postgres" => Some(5432),
        "mysql" => Some(3306),
        "redis" => Some(6379),
        "mqtt" => Some(1883),
        "http" => Some(80),
        "https" => Some(443),
        _ => None,
    }
}

impl HostPattern {
    fn parse(host: &str) -> anyhow::Result<Self> {
        let host = host.trim();
        match host {
            "*" => return Ok(Self::Any),
            "self" | "self.alt" => return Ok(Self::Itself),
            _ => {}
        }
        if host.starts_with('{') {
            bail!("host lists are not supported");
        }
        if let Ok(network) = IpNetwork::from_str_truncate(host) {
            return Ok(Self::Network(network));
        }
        let host = host.strip_suffix('/').unwrap_or(host);
        if host.contains('/') {
            bail!("must not include a path");
        }
        if let Some(domain) = host.strip_prefix("*.") {
            if domain.contains('*') {
                bail!("wildcards are allowed only as prefixes");
            }
            return match Host::parse(domain)? {
                Host::Domain(domain) if domain == "spin.internal" => {
                    bail!("devhost takes no wildcard for components: name each")
                }
                Host::Domain(domain) => Ok(Self::Subdomains(format!(".{domain}"))),
                _ => bail!("wildcard suffix must be a domain"),
            };
        }
        if host.contains('*') {
            bail!("wildcards are allowed only as subdomains");
        }
        Ok(Self::Literal(Host::parse(host)?))
    }

    fn allows(&self, host: &Host) -> bool {
        match (self, host) {
            (Self::Any, _) => true,
            (Self::Subdomains(suffix), Host::Domain(domain)) => domain.ends_with(suffix.as_str()),
            (Self::Literal(literal), host) => literal == host,
            (Self::Network(network), Host::Ipv4(address)) => network.contains(*address),
            (Self::Network(network), Host::Ipv6(address)) => network.contains(*address),
            (Self::Subdomains(_), _) | (Self::Network(_), Host::Domain(_)) | (Self::Itself, _) => false,
        }
    }
}
