//! Where a guest wants to go: the scheme, the host and the port of a URL, and nothing else of it.

use anyhow::Context;
use url::{Host, Url};

/// The part of a URL that `allowed_outbound_hosts` is about.
#[derive(Debug)]
pub(crate) struct Destination {
    /// Lower case, without `://`.
    pub(super) scheme: String,
    /// The host as the URL has it.
    pub(super) text: String,
    /// The host as it is compared.
    pub(super) host: Host,
    /// Only if the URL names one that is not the default of its scheme.
    pub(super) port: Option<u16>,
}

impl Destination {
    /// Parses `url`, with `scheme` before it if it has none.
    pub(crate) fn parse(url: &str, scheme: &str) -> anyhow::Result<Self> {
        // `localhost:5432` is a URL without a host whose scheme is localhost: hence the second try.
        let parsed = match Url::parse(url) {
            Ok(url) if url.has_host() => url,
            _ => Url::parse(&format!("{scheme}://{url}"))?,
        };
        let text = parsed.host_str().with_context(|| format!("{url:?} has no host"))?.to_owned();
        let host = Host::parse(&text).with_context(|| format!("{text:?} is not a host"))?;
        Ok(Self { scheme: parsed.scheme().to_owned(), text, host, port: parsed.port() })
    }

    /// `host` or `host:port`.
    pub(crate) fn authority(&self) -> String {
        match self.port {
            Some(port) => format!("{}:{port}", self.text),
            None => self.text.clone(),
        }
    }
}
