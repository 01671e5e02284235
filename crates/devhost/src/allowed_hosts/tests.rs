// Every rule is one of Spin's crates/outbound-networking-config/src/allowed_hosts.rs.
use std::collections::{BTreeMap, HashMap};

use super::*;
use crate::variables::Sources;

fn variables(application: &[(&str, Option<&str>)], values: &[(&str, &str)]) -> Variables {
    let application: BTreeMap<_, _> =
        application.iter().map(|(name, default)| ((*name).to_owned(), default.map(str::to_owned))).collect();
    let values: HashMap<_, _> = values.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    Variables::new(application, Sources::new(values))
}

fn hosts_with(entries: &[&str], variables: Variables) -> AllowedHosts {
    let entries = entries.iter().map(|entry| (*entry).to_owned()).collect();
    AllowedHosts::new("auth".into(), entries, Arc::new(variables))
}

fn hosts(entries: &[&str]) -> AllowedHosts {
    hosts_with(entries, variables(&[], &[]))
}

fn allows(entry: &str, url: &str) -> bool {
    hosts(&[entry]).check(url, "https").unwrap()
}

fn parses(entry: &str) -> bool {
    validate(&[entry.to_owned()], &variables(&[], &[])).is_ok()
}

#[test]
fn a_literal_host_is_compared_as_it_is_written() {
    assert!(allows("http://example.com", "http://example.com/path?query"));
    assert!(allows("http://example.com", "http://EXAMPLE.com"));
    assert!(!allows("http://example.com", "http://www.example.com"));
    assert!(!allows("http://localhost", "http://127.0.0.1"));
    assert!(!allows("http://127.0.0.1", "http://localhost"));
}

#[test]
fn the_scheme_has_to_be_the_same_unless_it_is_a_star() {
    assert!(!allows("http://example.com", "https://example.com"));
    assert!(allows("*://example.com:443", "https://example.com"));
    assert!(!allows("*://example.com:443", "http://example.com"));
}

#[test]
fn a_port_that_is_left_out_is_the_default_of_its_scheme() {
    assert!(allows("https://example.com", "https://example.com:443"));
    assert!(!allows("https://example.com", "https://example.com:8443"));
    assert!(hosts(&["postgres://db"]).check("db:5432", "postgres").unwrap());
    assert!(hosts(&["postgres://db:5432"]).check("db", "postgres").unwrap());
    assert!(!hosts(&["postgres://db"]).check("db:5433", "postgres").unwrap());
    assert!(!parses("ftp://example.com"), "a scheme without a default port needs one");
    assert!(!parses("*://example.com"));
    assert!(parses("ftp://example.com:21"));
}

#[test]
fn a_range_of_ports_leaves_its_end_out() {
    assert!(allows("http://example.com:4200..4300", "http://example.com:4200"));
    assert!(allows("http://example.com:4200..4300", "http://example.com:4299"));
    assert!(!allows("http://example.com:4200..4300", "http://example.com:4300"));
    assert!(allows("http://example.com:*", "http://example.com:1"));
    for entry in ["http://example.com:x", "http://example.com:1..x", "http://example.com:99999"] {
        assert!(!parses(entry), "{entry}");
    }
}

#[test]
fn a_star_is_any_host_and_a_leading_star_any_subdomain() {
    assert!(allows("https://*", "https://anything.example"));
    assert!(allows("*://*:*", "http://10.0.0.1:81"));
    assert!(allows("https://*.example.com", "https://a.b.example.com"));
    assert!(!allows("https://*.example.com", "https://example.com"));
    assert!(!allows("https://*.example.com", "https://badexample.com"));
    for entry in ["https://a.*.com", "https://*a.com", "https://*.*.com", "https://*.10.0.0.1"] {
        assert!(!parses(entry), "{entry}");
    }
}

// Spin takes it for the components that there are.
#[test]
fn the_wildcard_of_all_components_is_refused() {
    assert!(!parses("http://*.spin.internal"));
    assert!(allows("http://auth.spin.internal", "http://auth.spin.internal/path"));
    assert!(!allows("http://auth.spin.internal", "http://users.spin.internal/path"));
}

#[test]
fn addresses_and_networks_match_addresses_only() {
    assert!(allows("http://10.0.0.0/8:80", "http://10.1.2.3"));
    assert!(allows("http://10.9.9.9/8:80", "http://10.1.2.3"), "the host part of a network is cut off");
    assert!(!allows("http://10.0.0.0/8", "http://11.1.2.3"));
    assert!(!allows("http://10.0.0.0/8", "http://ten.example"));
    assert!(allows("http://[::1]:8080", "http://[::1]:8080"));
    assert!(allows("http://[::1]", "http://[::1]"));
    assert!(hosts(&["postgres://127.0.0.1:5433"]).check("127.0.0.1:5433", "postgres").unwrap());
}

#[test]
fn an_entry_has_neither_a_path_nor_a_missing_scheme() {
    for entry in
        ["", "*", "example.com", "http://example.com/path", "http://example.com:80/path", "{http}://a", "http://{a,b}"]
    {
        assert!(!parses(entry), "{entry:?}");
    }
    assert!(parses("http://example.com/"), "a single slash at the end is let through");
    assert!(parses("http://example.com:80/"));
    assert!(!parses("insecure:allow-all"));
}

#[test]
fn a_host_with_a_user_before_it_is_refused() {
    assert!(!parses("http://user@example.com"));
    assert!(!parses("postgres://user:password@db:5432"));
}

#[test]
fn self_is_accepted_and_matches_relative_urls_only() {
    assert!(hosts(&["http://self"]).check_self().unwrap());
    assert!(hosts(&["*://*:*"]).check_self().unwrap());
    assert!(!hosts(&["http://example.com"]).check_self().unwrap());
    assert!(!allows("http://self", "http://self"));
}

#[test]
fn an_entry_that_comes_out_empty_is_left_out() {
    for value in ["", "http://", "https://"] {
        let hosts = hosts_with(&["{{ smtp }}", "http://other"], variables(&[("smtp", Some("x"))], &[("smtp", value)]));
        assert!(hosts.check("http://other", "https").unwrap(), "{value:?}");
    }
}

#[test]
fn a_template_takes_the_variables_of_the_application() {
    let hosts =
        hosts_with(&["postgres://{{ host }}:{{ port }}"], variables(&[("host", Some("db")), ("port", Some("1"))], &[]));
    assert!(hosts.check("db:1", "postgres").unwrap());
    assert!(!hosts.check("db:2", "postgres").unwrap());
}

#[test]
fn a_template_that_does_not_parse_denies_every_host() {
    let hosts = hosts_with(&["{{ url }}", "http://other"], variables(&[("url", Some(""))], &[("url", "db:5432")]));
    hosts.check("http://other", "https").unwrap_err();
}

#[test]
fn a_variable_without_a_value_denies_every_host_even_if_no_entry_uses_it() {
    let hosts = hosts_with(&["http://other"], variables(&[("unrelated", None)], &[]));
    hosts.check("http://other", "https").unwrap_err();
}

#[test]
fn a_literal_entry_and_the_defaults_are_checked_when_the_manifest_is_read() {
    let entries = |entry: &str| [entry.to_owned()];
    validate(&entries("example.com"), &variables(&[], &[])).unwrap_err();
    validate(&entries("{{ url }}"), &variables(&[("url", Some("db:5432"))], &[])).unwrap_err();
    validate(&entries("{{ url }}"), &variables(&[("url", Some(""))], &[])).unwrap();
    validate(&entries("{{ url }}"), &variables(&[("url", None)], &[])).unwrap();
}

#[test]
fn a_url_without_a_scheme_takes_that_of_the_caller() {
    assert!(hosts(&["https://example.com"]).check("example.com", "https").unwrap());
    assert!(!hosts(&["https://example.com"]).check("http://", "https").unwrap(), "what is no URL is refused");
}
