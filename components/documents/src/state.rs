//! Which service is behind, and under which path of ours.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::FromRef;
use frontdesk::apps::Key;
use frontdesk::outbound::Origin;
use frontdesk::{App, Load, Variables};
use url::Url;

use crate::mount::Mount;

/// The component's state; cheap to clone.
#[derive(Clone)]
pub struct Proxy(Arc<Inner>);

struct Inner {
    app: App,
    mount: Mount,
    timeout: Duration,
    limit: Limit,
    app_key: Key,
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

    pub(crate) fn mount(&self) -> &Mount {
        &self.0.mount
    }

    /// How long the service may take to begin its answer once it has the whole request.
    pub(crate) fn timeout(&self) -> Duration {
        self.0.timeout
    }

    pub(crate) fn limit(&self) -> Limit {
        self.0.limit
    }

    /// Which app people must be allowed to use.
    pub(crate) fn app_key(&self) -> &Key {
        &self.0.app_key
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
        let upstream = variables.required("upstream", origin).await;
        let upstream_path = variables.required("upstream_path", path).await;
        let timeout = variables.required("upstream_timeout", seconds).await;
        let limit = variables.required("upload_limit", Limit::parse).await;
        let app_key = variables.required("app", Key::parse).await;
        let inner = Inner {
            app: app?,
            mount: Mount { prefix: prefix?, upstream: upstream?, upstream_path: upstream_path? },
            timeout: timeout?,
            limit: limit?,
            app_key: app_key?,
        };
        Some(Self(Arc::new(inner)))
    }
}

/// One that browsers can read too, as references in headers are compared with it: `http://1.2.3.4.5` is none.
fn origin(value: &str) -> Result<Origin, String> {
    let origin = Origin::parse(value)?;
    Url::parse(value).map_err(|error| format!("is not a URL: {error}"))?;
    Ok(origin)
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
