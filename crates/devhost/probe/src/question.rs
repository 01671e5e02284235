//! The query of a request.

use std::time::Duration;

use spin_sdk::http::{Error, Request};

/// What the probe is asked.
pub(crate) struct Question(Vec<(String, String)>);

impl Question {
    pub(crate) fn of(request: &Request) -> Self {
        Self(form_urlencoded::parse(request.uri().query().unwrap_or_default().as_bytes()).into_owned().collect())
    }

    /// A value that has to be there.
    pub(crate) fn get(&self, name: &str) -> Result<&str, Error> {
        self.all(name).next().ok_or_else(|| Error::other(format!("{name}= is missing")))
    }

    /// All values of a name, in their order.
    pub(crate) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The milliseconds of `ms=`.
    pub(crate) fn duration(&self) -> Result<Duration, Error> {
        self.get("ms")?.parse().map(Duration::from_millis).map_err(|error| Error::other(format!("ms=: {error}")))
    }
}
