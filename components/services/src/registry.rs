//! Which services there are: the variable `registry`, a JSON list.

use http::Uri;
use http::uri::Scheme;
use serde::Deserialize;

/// The services, in the order in which they are shown. No key is there twice.
pub(crate) struct Registry(Vec<Service>);

/// A service.
#[derive(Debug)]
pub(crate) struct Service {
    /// What it is called in the database and in the configuration.
    pub(crate) key: String,
    /// What people call it.
    pub(crate) name: String,
    /// What answers with a 2xx when it is well.
    pub(crate) url: Uri,
}

/// As it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    key: String,
    name: String,
    url: String,
}

impl Registry {
    /// From a variable. The origins in it are variables of their own: a service whose origin is empty, which leaves a bare path,
    /// is one that this installation does not have.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let entries: Vec<Entry> =
            serde_json::from_str(text).map_err(|_| "is not a JSON list of {\"key\", \"name\", \"url\"}")?;
        let mut services: Vec<Service> = Vec::new();
        for Entry { key, name, url } in entries {
            if url.is_empty() || url.starts_with('/') {
                continue;
            }
            if key.is_empty() || services.iter().any(|other| other.key == key) {
                return Err("has two services of one key, or one without a key".to_owned());
            }
            let url = parse_url(&url).ok_or_else(|| format!("has no http://HOST:PORT/PATH for the service {key}"))?;
            services.push(Service { key, name, url });
        }
        Ok(Self(services))
    }

    pub(crate) fn services(&self) -> &[Service] {
        &self.0
    }

    pub(crate) fn keys(&self) -> Vec<String> {
        self.0.iter().map(|service| service.key.clone()).collect()
    }
}

fn parse_url(text: &str) -> Option<Uri> {
    let url: Uri = text.parse().ok()?;
    let scheme = url.scheme().filter(|scheme| **scheme == Scheme::HTTP || **scheme == Scheme::HTTPS)?.clone();
    let authority = url.authority().filter(|authority| !authority.host().is_empty())?.clone();
    // An origin that was given with its slash leaves two.
    let path = url.path_and_query()?.as_str().trim_start_matches('/');
    Uri::builder().scheme(scheme).authority(authority).path_and_query(format!("/{path}")).build().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn urls(text: &str) -> Vec<String> {
        let registry = Registry::parse(text).ok().unwrap();
        registry.services().iter().map(|service| format!("{} {}", service.key, service.url)).collect()
    }

    fn entry(key: &str, url: &str) -> String {
        format!(r#"{{"key": "{key}", "name": "Name", "url": "{url}"}}"#)
    }

    #[test]
    fn services_keep_their_order_and_those_without_an_origin_are_left_out() {
        let list = [entry("b", "http://b:1/health"), entry("none", "/health"), entry("a", "https://a/x?y=z")];
        assert_eq!(urls(&format!("[{}]", list.join(","))), ["b http://b:1/health", "a https://a/x?y=z"]);
        assert!(urls("[]").is_empty());
    }

    #[test]
    fn an_origin_may_end_with_a_slash() {
        assert_eq!(urls(&format!("[{}]", entry("a", "http://a:1//health"))), ["a http://a:1/health"]);
        assert_eq!(urls(&format!("[{}]", entry("a", "http://a:1"))), ["a http://a:1/"]);
    }

    #[test]
    fn what_is_no_registry_is_refused_without_its_text() {
        for text in [
            "nonsense",
            "{}",
            r#"[{"key": "hunter2"}]"#,
            &format!("[{}]", entry("a", "ftp://hunter2/health")),
            &format!("[{}]", entry("a", "hunter2")),
            &format!("[{}]", entry("", "http://a/health")),
            &format!("[{},{}]", entry("a", "http://a/health"), entry("a", "http://hunter2/health")),
        ] {
            let reason = Registry::parse(text).err().unwrap();
            assert!(!reason.contains("hunter2"), "{text}: {reason}");
        }
    }
}
