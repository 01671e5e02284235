//! Which service is behind, and under which path of ours.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::FromRef;
use frontdesk::{App, Load, Variables};
use http::Uri;
use http::uri::{Authority, Scheme};

/// The component's state; cheap to clone.
#[derive(Clone)]
pub struct Proxy(Arc<Inner>);

struct Inner {
    app: App,
    prefix: String,
    upstream: Upstream,
    timeout: Duration,
    limit: Limit,
}

/// Where the service behind is.
#[derive(Clone, Debug)]
pub(crate) struct Upstream {
    pub(crate) scheme: Scheme,
    pub(crate) authority: Authority,
    /// What takes the place of the prefix.
    pub(crate) path: String,
}

/// How large an upload may be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Limit {
    /// What administrators set for documents.
    Documents,
    /// In MiB.
    Mebibytes(u32),
}

impl Limit {
    fn parse(value: &str) -> Result<Self, String> {
        match value {
            "documents" => Ok(Self::Documents),
            number => {
                number.parse().map(Self::Mebibytes).map_err(|_| "is neither a number of MiB nor documents".to_owned())
            }
        }
    }
}

impl Proxy {
    pub(crate) fn app(&self) -> &App {
        &self.0.app
    }

    pub(crate) fn prefix(&self) -> &str {
        &self.0.prefix
    }

    pub(crate) fn upstream(&self) -> &Upstream {
        &self.0.upstream
    }

    /// How long the service may take to begin its answer once it has the whole request.
    pub(crate) fn timeout(&self) -> Duration {
        self.0.timeout
    }

    pub(crate) fn limit(&self) -> Limit {
        self.0.limit
    }
}

impl FromRef<Proxy> for App {
    fn from_ref(proxy: &Proxy) -> Self {
        proxy.app().clone()
    }
}

impl Load for Proxy {
    async fn load(variables: &mut Variables) -> Option<Self> {
        let app = App::load(variables).await;
        let prefix = variables.required("prefix", path).await;
        let origin = variables.required("upstream", origin).await;
        let upstream_path = variables.required("upstream_path", path).await;
        let timeout = variables.required("upstream_timeout", seconds).await;
        let limit = variables.required("upload_limit", Limit::parse).await;
        let (scheme, authority) = origin?;
        let inner = Inner {
            app: app?,
            prefix: prefix?,
            upstream: Upstream { scheme, authority, path: upstream_path? },
            timeout: timeout?,
            limit: limit?,
        };
        Some(Self(Arc::new(inner)))
    }
}

fn origin(value: &str) -> Result<(Scheme, Authority), String> {
    let uri: Uri = value.parse().map_err(|_| "is not a URL")?;
    if !matches!(uri.path_and_query().map(|path| path.as_str()), None | Some("/")) {
        return Err("is more than http://HOST:PORT".to_owned());
    }
    match (uri.scheme(), uri.authority()) {
        (Some(scheme), Some(authority)) if *scheme == Scheme::HTTP || *scheme == Scheme::HTTPS => {
            Ok((scheme.clone(), authority.clone()))
        }
        _ => Err("is not of the form http://HOST:PORT".to_owned()),
    }
}

fn path(value: &str) -> Result<String, String> {
    if value.starts_with('/') && !value.ends_with('/') {
        Ok(value.to_owned())
    } else {
        Err("does not begin with a slash, or ends with one".to_owned())
    }
}

fn seconds(value: &str) -> Result<Duration, String> {
    match value.parse() {
        Ok(seconds @ 1..=3600) => Ok(Duration::from_secs(seconds)),
        _ => Err("is not a number of seconds from 1 to 3600".to_owned()),
    }
}
