//! The application's Spin variables: what the operator gives, what `up` derives, and whether they make sense together.
//!
//! What the operator gives wins: a variable of the environment, then a line of their own in `.env`.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result};
use frontdesk::TrustedProxies;
use frontdesk::access::ProgramToken;
use frontdesk::audit::SealKey;

use frontdesk::cookies::Cookies;
use frontdesk::csrf::PublicOrigins;

use crate::checkout::{Checkout, read_if_there, write_private};
use crate::dotenv::DotEnv;
use crate::keys;

const PREFIX: &str = "SPIN_VARIABLE_";

/// What the operator gives. Empty values count as not given.
#[derive(Debug, Default)]
pub(crate) struct Given(BTreeMap<String, String>);

impl Given {
    pub(crate) fn read(checkout: &Checkout) -> Result<Self> {
        let foreign = read_dotenv(&checkout.path(".env"))?.foreign().context("cannot read .env")?;
        Ok(Self::new(foreign.into_iter().chain(environment())))
    }

    /// Later pairs win.
    pub(crate) fn new(pairs: impl IntoIterator<Item = (String, String)>) -> Self {
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
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
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
pub(crate) fn environment_name(name: &str) -> String {
    format!("{PREFIX}{}", name.to_ascii_uppercase())
}

/// What `up` derives where nothing is given, by the names of `spin.toml`.
pub(crate) type Derived = BTreeMap<&'static str, String>;

/// Writes what was derived to the checkout's `.env`, for a plain `spin up`. Its other lines stay.
///
/// Returns which of these lines an earlier `up` had written there and are gone now.
pub(crate) fn write_dotenv(checkout: &Checkout, derived: &Derived, unwanted: &Derived) -> Result<Vec<String>> {
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
pub(crate) fn database_host(database_url: &str) -> Result<String, String> {
    let url = url::Url::parse(database_url.trim()).map_err(|error| format!("is not a URL: {error}"))?;
    if !matches!(url.scheme(), "postgres" | "postgresql") {
        return Err("is not a URL that begins with postgres://".to_owned());
    }
    match url.host_str() {
        Some(host) if !host.is_empty() => Ok(format!("postgres://{host}:{}", url.port().unwrap_or(5432))),
        _ => Err("names no host".to_owned()),
    }
}

/// Everything that is wrong with the variables, one line each, never with a secret in it.
pub(crate) fn problems(given: &Given, derived: &Derived) -> Vec<String> {
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
    if get("registration").is_some_and(|value| !matches!(value.trim(), "" | "open" | "closed")) {
        note("registration", "is neither open nor closed".to_owned());
    }
    // One that the operator gives and one that was derived would never belong together.
    match (given.get("signing_key"), given.get("verifying_keys")) {
        (Some(_), None) => {
            note("verifying_keys", "is not set, although SPIN_VARIABLE_SIGNING_KEY is: set both or none".to_owned())
        }
        (None, Some(_)) => {
            note("signing_key", "is not set, although SPIN_VARIABLE_VERIFYING_KEYS is: set both or none".to_owned())
        }
        _ => match (get("signing_key"), get("verifying_keys")) {
            (Some(signing), Some(verifying)) => {
                if let Err((name, reason)) = keys::check(signing, verifying) {
                    note(name, reason);
                }
            }
            _ => note("signing_key", "is not set".to_owned()),
        },
    }
    let mut check = |name: &str, is_required: bool, check: fn(&str) -> Result<(), String>| match get(name).map(check) {
        None if is_required => note(name, "is not set".to_owned()),
        Some(Err(reason)) => note(name, reason),
        None | Some(Ok(())) => {}
    };
    check("refresh_token_key", true, keys::check_refresh_token_key);
    check("audit_key", true, |text| SealKey::parse(text.trim()).map(drop));
    check("settings_key", true, |text| settings::secret::Key::parse(text).map(drop));
    check("settings_key_previous", false, |text| settings::secret::Key::parse(text).map(drop));
    check("service_token", true, |text| ProgramToken::parse(text.trim()).map(drop));
    check("cookie_secure", false, |text| Cookies::parse(text.trim()).map(drop));
    check("trusted_proxies", false, |text| TrustedProxies::parse(text.trim()).map(drop));
    check("max_sessions", false, |text| auth::max_sessions(text.trim()).map(drop));
    check("rate_limit_scale", false, |text| auth::Scale::parse(text.trim()).map(drop));
    check("password_reset_url", false, |text| auth::reset_url(text.trim()).map(drop));
    check("mail_transport", false, |text| services::Transport::parse(text.trim()).map(drop));
    check("public_origins", false, |text| PublicOrigins::parse(text.trim()).map(drop));
    for name in ["access_lifetime", "refresh_lifetime", "refresh_idle_lifetime"] {
        check(name, false, |text| auth::lifetime(text.trim()).map(drop));
    }
    check("tick_token", true, |text| ProgramToken::parse(text.trim()).map(drop));
    for (name, is_required) in [("documents_upstream", true), ("ai_upstream", false), ("app_url", false)] {
        check(name, is_required, origin);
    }
    problems
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
    use crate::keys::Algorithm;

    fn given(pairs: &[(&str, &str)]) -> Given {
        Given::new(pairs.iter().map(|(name, value)| (environment_name(name), (*value).to_owned())))
    }

    fn derived() -> Derived {
        let pair = keys::generate(Algorithm::EdDsa).unwrap();
        Derived::from([
            ("database_url", "postgres://u:p@127.0.0.1:15432/frontdesk".to_owned()),
            ("database_host", "postgres://127.0.0.1:15432".to_owned()),
            ("signing_key", pair.signing),
            ("verifying_keys", pair.verifying),
            ("refresh_token_key", "A".repeat(43)),
            ("audit_key", "A".repeat(43)),
            ("settings_key", "A".repeat(43)),
            ("service_token", "A".repeat(43)),
            ("tick_token", "A".repeat(43)),
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
    fn every_missing_variable_is_named() {
        let problems = problems(&Given::default(), &Derived::new());
        assert_eq!(
            problems,
            [
                "SPIN_VARIABLE_DATABASE_URL is not set",
                "SPIN_VARIABLE_SIGNING_KEY is not set",
                "SPIN_VARIABLE_REFRESH_TOKEN_KEY is not set",
                "SPIN_VARIABLE_AUDIT_KEY is not set",
                "SPIN_VARIABLE_SETTINGS_KEY is not set",
                "SPIN_VARIABLE_SERVICE_TOKEN is not set",
                "SPIN_VARIABLE_TICK_TOKEN is not set",
                "SPIN_VARIABLE_DOCUMENTS_UPSTREAM is not set",
            ]
        );
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
            ("refresh_token_key", "hunter2"),
            ("audit_key", "hunter2"),
            ("settings_key", "hunter2"),
            ("settings_key_previous", "hunter2"),
            ("service_token", "hunter2"),
            ("tick_token", "hunter2"),
            ("documents_upstream", "hunter2"),
            ("documents_upstream", "http://u:hunter2@127.0.0.1:3001"),
            ("ai_upstream", "http://127.0.0.1:3002/hunter2"),
            ("cookie_secure", "hunter2"),
            ("trusted_proxies", "10.0.0.0/33"),
            ("rate_limit_scale", "0"),
            ("password_reset_url", "desk.example.com"),
            ("mail_transport", "pigeon"),
            ("public_origins", "https://desk.example.com, hunter2"),
            ("access_lifetime", "8h"),
            ("refresh_lifetime", "0"),
            ("refresh_idle_lifetime", "-1"),
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
    fn a_signing_key_without_its_verifying_keys_is_named() {
        let pair = keys::generate(Algorithm::EdDsa).unwrap();
        let problems = problems(&given(&[("signing_key", &pair.signing)]), &derived());
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(problems[0].starts_with("SPIN_VARIABLE_VERIFYING_KEYS is not set"), "{problems:?}");
    }

    #[test]
    fn a_signing_key_that_does_not_belong_to_the_verifying_keys_is_named() {
        let (one, other) = (keys::generate(Algorithm::EdDsa).unwrap(), keys::generate(Algorithm::EdDsa).unwrap());
        let given = given(&[("signing_key", &one.signing), ("verifying_keys", &other.verifying)]);
        let problems = problems(&given, &derived());
        assert!(problems[0].starts_with("SPIN_VARIABLE_VERIFYING_KEYS lacks"), "{problems:?}");
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
