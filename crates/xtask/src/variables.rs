//! The application's Spin variables: what the operator gives, what `up` derives, and what is wrong with them.
//!
//! Only what Spin itself goes by is checked here, before anything is started: where the database is, and whom components may
//! call. Everything else is checked by the component that reads it, and `/readyz` names it.
//!
//! What the operator gives wins: a variable of the environment, then a line of their own in `.env`.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result};

use crate::checkout::{Checkout, read_if_there, write_private};
use crate::dotenv::DotEnv;
use crate::http::Answer;

const PREFIX: &str = "SPIN_VARIABLE_";

/// What the operator gives. Empty values count as not given.
#[derive(Debug, Default)]
pub struct Given(BTreeMap<String, String>);

impl Given {
    /// What the environment and the lines of the operator's own in `.env` say.
    pub fn read(checkout: &Checkout) -> Result<Self> {
        let foreign = read_dotenv(&checkout.path(".env"))?.foreign().context("cannot read .env")?;
        Ok(Self::new(foreign.into_iter().chain(environment())))
    }

    /// Later pairs win.
    pub fn new(pairs: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut given = BTreeMap::new();
        for (name, value) in pairs {
            if let Some(name) = name.strip_prefix(PREFIX)
                && !value.trim().is_empty()
            {
                given.insert(name.to_ascii_lowercase(), value);
            }
        }
        Self(given)
    }

    /// By its name in `spin.toml`.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }
}

fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

fn read_dotenv(path: &Path) -> Result<DotEnv> {
    DotEnv::parse(&read_if_there(path)?.unwrap_or_default()).context("cannot read .env")
}

/// The name that a host looks for in the environment.
pub fn environment_name(name: &str) -> String {
    format!("{PREFIX}{}", name.to_ascii_uppercase())
}

/// What `up` derives where nothing is given, by the names of `spin.toml`.
pub type Derived = BTreeMap<&'static str, String>;

/// Writes what was derived to the checkout's `.env`, for a plain `spin up`. Its other lines stay.
///
/// Returns which of these lines an earlier `up` had written there and are gone now.
pub fn write_dotenv(checkout: &Checkout, derived: &Derived, unwanted: &Derived) -> Result<Vec<String>> {
    write(&checkout.path(".env"), derived, unwanted)
}

fn write(path: &Path, derived: &Derived, unwanted: &Derived) -> Result<Vec<String>> {
    let mut file = read_dotenv(path)?;
    let (before, managed) = (file.to_text(), file.managed());
    file.set_managed(&derived.iter().map(|(name, value)| (environment_name(name), value.clone())).collect());
    let after = file.to_text();
    // A file that the user made keeps its contents but not wider permissions: it holds secrets from now on.
    if before != after || !is_private(path) {
        write_private(path, &after)?;
    }
    let unwanted = unwanted.keys().filter(|name| !derived.contains_key(*name)).map(|name| environment_name(name));
    Ok(unwanted.filter(|name| managed.contains_key(name)).collect())
}

fn is_private(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode().trailing_zeros() >= 6)
}

/// `postgres://HOST:PORT`, as the allow-list of outbound hosts needs it.
pub fn database_host(database_url: &str) -> Result<String, String> {
    let url = url::Url::parse(database_url.trim()).map_err(|error| format!("is not a URL: {error}"))?;
    if !matches!(url.scheme(), "postgres" | "postgresql") {
        return Err("is not a URL that begins with postgres://".to_owned());
    }
    match url.host_str() {
        Some(host) if !host.is_empty() => Ok(format!("postgres://{host}:{}", url.port().unwrap_or(5432))),
        _ => Err("names no host".to_owned()),
    }
}

/// What is wrong with the variables that Spin goes by, one line each, never with a secret in it.
pub fn problems(given: &Given, derived: &Derived) -> Vec<String> {
    let get = |name: &str| given.get(name).or_else(|| derived.get(name).map(String::as_str));
    let mut problems = Vec::new();
    let mut note = |name: &str, reason: String| problems.push(format!("{} {reason}", environment_name(name)));
    match (get("database_url").map(database_host), get("database_host")) {
        (None, _) => note("database_url", "is not set".to_owned()),
        (Some(Err(reason)), _) => note("database_url", reason),
        (Some(Ok(_)), None) => note("database_host", "is not set".to_owned()),
        (Some(Ok(host)), Some(pattern)) => {
            if let Err(reason) = allows(pattern, &host) {
                note("database_host", reason);
            }
        }
    }
    for name in ["documents_upstream", "ai_upstream", "app_url"] {
        if let Some(Err(reason)) = get(name).map(origin) {
            note(name, reason);
        }
    }
    problems
}

/// The variables that the application says it cannot work with, one line each; none when it lacks something else, which may come.
pub(crate) fn complaints(answer: &Answer, variables: &[String]) -> Vec<String> {
    let answer: serde_json::Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let detail = answer.get("detail").and_then(serde_json::Value::as_str).unwrap_or_default();
    let complaint = |text: &str| {
        let (name, reason) = text.split_once(": ")?;
        variables.iter().any(|known| known == name).then(|| format!("{} {reason}", environment_name(name)))
    };
    detail.split("; ").filter_map(complaint).collect()
}

/// Fails, with the reason, unless the text is a bare `http://HOST:PORT`: Spin would deny every host of a component for one that
/// is more.
fn origin(text: &str) -> Result<(), String> {
    let url = url::Url::parse(text.trim()).map_err(|error| format!("is not a URL: {error}"))?;
    let is_bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    let names_somebody = !url.username().is_empty() || url.password().is_some();
    if matches!(url.scheme(), "http" | "https") && url.has_host() && is_bare && !names_somebody {
        Ok(())
    } else {
        Err("is not of the form http://HOST:PORT".to_owned())
    }
}

/// Whether an entry of an allow-list lets a host through, as far as can be told without Spin: ranges of addresses or ports
/// are left to it.
fn allows(pattern: &str, host: &str) -> Result<(), String> {
    let split = |text: &str| {
        let (scheme, rest) = text.split_once("://")?;
        let (name, port) = match rest.trim_end_matches('/').rsplit_once(':') {
            Some((name, port)) if !port.ends_with(']') => (name, port),
            _ => (rest.trim_end_matches('/'), "5432"),
        };
        Some((scheme.to_owned(), name.to_ascii_lowercase(), port.to_owned()))
    };
    let (Some((scheme, name, port)), Some((_, wanted_name, wanted_port))) = (split(pattern.trim()), split(host)) else {
        return Err("is not of the form postgres://HOST:PORT".to_owned());
    };
    if name.contains('@') || name.contains('?') || port.contains('/') {
        return Err("holds more than postgres://HOST:PORT, so that Spin would deny every host".to_owned());
    }
    let name_fits = match name.strip_prefix('*') {
        Some(suffix) => wanted_name.ends_with(suffix),
        None => name == wanted_name || name.contains('/'),
    };
    let port_fits = port == wanted_port || port == "*" || port.contains("..");
    if matches!(scheme.as_str(), "postgres" | "*") && name_fits && port_fits {
        Ok(())
    } else {
        Err(format!("does not let SPIN_VARIABLE_DATABASE_URL's server through: that needs {host}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(pairs: &[(&str, &str)]) -> Given {
        Given::new(pairs.iter().map(|(name, value)| (environment_name(name), (*value).to_owned())))
    }

    fn derived() -> Derived {
        Derived::from([
            ("database_url", "postgres://u:p@127.0.0.1:15432/frontdesk".to_owned()),
            ("database_host", "postgres://127.0.0.1:15432".to_owned()),
            ("documents_upstream", "http://127.0.0.1:3001".to_owned()),
        ])
    }

    #[test]
    fn derived_variables_have_no_problem() {
        assert!(problems(&Given::default(), &derived()).is_empty());
    }

    /// What `up` once wrote, and lines of the user's own.
    const EARLIER: &str = "# mine\nSPIN_VARIABLE_COOKIE_SECURE=false\n# >>> frontdesk\nSPIN_VARIABLE_COOKIE_SECURE=\"false\"\n\
        SPIN_VARIABLE_MAIL_TRANSPORT=\"log\"\nSPIN_VARIABLE_TICK_TOKEN=\"old\"\n# <<< frontdesk\nX=1\n";

    fn unwanted() -> Derived {
        ["app_url", "cookie_secure", "mail_transport"].into_iter().map(|name| (name, "x".to_owned())).collect()
    }

    #[test]
    fn what_an_earlier_start_left_in_the_file_goes_and_the_users_own_lines_stay() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".env");
        std::fs::write(&path, EARLIER).unwrap();
        let kept = Derived::from([("tick_token", "new".to_owned())]);
        let removed = write(&path, &kept, &unwanted()).unwrap();
        assert_eq!(removed, ["SPIN_VARIABLE_COOKIE_SECURE", "SPIN_VARIABLE_MAIL_TRANSPORT"]);
        let file = read_dotenv(&path).unwrap();
        let managed: Vec<_> = file.managed().into_iter().collect();
        assert_eq!(managed, [("SPIN_VARIABLE_TICK_TOKEN".to_owned(), "new".to_owned())]);
        let foreign = file.foreign().unwrap();
        assert_eq!(foreign.get("SPIN_VARIABLE_COOKIE_SECURE").map(String::as_str), Some("false"));
        assert_eq!(foreign.get("X").map(String::as_str), Some("1"));
        // It is said once.
        assert!(write(&path, &kept, &unwanted()).unwrap().is_empty());
    }

    #[test]
    fn only_the_owner_may_read_the_file_whoever_could_before() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".env");
        let mode = || std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        write(&path, &derived(), &unwanted()).unwrap();
        assert_eq!(mode(), 0o600);
        // Though what is in it stays the same.
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        write(&path, &derived(), &unwanted()).unwrap();
        assert_eq!(mode(), 0o600);
    }

    #[test]
    fn a_missing_database_is_named() {
        assert_eq!(problems(&Given::default(), &Derived::new()), ["SPIN_VARIABLE_DATABASE_URL is not set"]);
    }

    #[test]
    fn what_the_application_says_of_its_variables_is_told_by_their_names_in_the_environment() {
        let variables = ["audit_key", "cookie_secure"].map(str::to_owned);
        let complaints = |detail: &str| {
            let body = serde_json::json!({"code": "not_ready", "detail": detail}).to_string().into();
            complaints(&Answer { status: hyper::StatusCode::SERVICE_UNAVAILABLE, body }, &variables)
        };
        assert_eq!(
            complaints("audit_key: is not set; cookie_secure: is neither true nor false"),
            ["SPIN_VARIABLE_AUDIT_KEY is not set", "SPIN_VARIABLE_COOKIE_SECURE is neither true nor false"]
        );
        // It may come up yet.
        assert!(complaints("database: there is no connection to it; the log says why").is_empty());
        assert!(complaints("").is_empty());
    }

    #[test]
    fn a_malformed_or_contradicting_variable_is_named_without_its_value() {
        for (name, value) in [
            ("database_url", "mysql://u:hunter2@h/d"),
            ("database_url", "hunter2"),
            ("database_url", "postgres:///hunter2"),
            ("database_host", "postgres://127.0.0.1:5432"),
            ("database_host", "postgresql://127.0.0.1:15432"),
            ("database_host", "postgres://u:hunter2@127.0.0.1:15432"),
            ("database_host", "127.0.0.1:15432"),
            ("documents_upstream", "hunter2"),
            ("documents_upstream", "http://u:hunter2@127.0.0.1:3001"),
            ("ai_upstream", "http://127.0.0.1:3002/hunter2"),
        ] {
            let problems = problems(&given(&[(name, value)]), &derived());
            assert_eq!(problems.len(), 1, "{name}={value}: {problems:?}");
            assert!(problems[0].starts_with(&environment_name(name)), "{name}={value}: {problems:?}");
            assert!(!problems[0].contains("hunter2"), "{problems:?}");
        }
    }

    #[test]
    fn patterns_that_let_the_server_through_are_accepted() {
        for pattern in
            ["postgres://127.0.0.1:15432", "*://127.0.0.1:*", "postgres://*:15432", "postgres://127.0.0.0/8:15432"]
        {
            assert!(problems(&given(&[("database_host", pattern)]), &derived()).is_empty(), "{pattern}");
        }
        assert_eq!(allows("postgres://*.example.com", "postgres://db.example.com:5432"), Ok(()));
        assert_eq!(allows("postgres://[::1]:5432", "postgres://[::1]:5432"), Ok(()));
    }

    #[test]
    fn the_host_of_a_database_url_is_bare() {
        assert_eq!(
            database_host("postgres://u:p%40@db.example.com/d?sslmode=require").unwrap(),
            "postgres://db.example.com:5432"
        );
        assert_eq!(database_host("postgresql://u@[::1]:6000/d").unwrap(), "postgres://[::1]:6000");
    }
}
