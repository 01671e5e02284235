//! What `spin.toml` lends each component. A grant that is not in these tables fails.

use std::collections::BTreeMap;

use toml::{Table, Value};

use crate::{assert_none, assert_same, spin_toml};

/// Sign and authenticate what all components trust.
const PRIVATE_KEYS: [&str; 2] = ["refresh_token_key", "signing_key"];

/// Words in the name of a variable that mark a secret; a URL may hold a password.
const SECRET_WORDS: [&str; 8] = ["key", "keys", "password", "secret", "token", "tokens", "url", "urls"];

/// Variables that have such a word in their names and are no secret, and why.
const PUBLIC: [(&str, &str); 3] = [
    ("app_url", "an origin, which names nobody"),
    ("password_reset_url", "a page that everybody may see"),
    ("verifying_keys", "public keys, which auth publishes"),
];

/// What a component is told of itself: one build of `documents` serves any feature service, and `services` any list of them.
const OWN: [(&str, &str); 6] = [
    ("documents", "app"),
    ("documents", "prefix"),
    ("documents", "upload_limit"),
    ("documents", "upstream"),
    ("documents", "upstream_path"),
    ("services", "registry"),
];

/// Keys of a component that grant nothing, or that have a table of their own here.
const KNOWN_KEYS: [&str; 5] = ["allowed_outbound_hosts", "build", "description", "source", "variables"];

struct Component {
    name: String,
    hosts: Vec<String>,
    /// Their names for the component, and the templates that they stand for.
    variables: BTreeMap<String, String>,
    /// Anything else that it is given, as it is written.
    others: Vec<String>,
}

fn components() -> Vec<Component> {
    let manifest = spin_toml();
    let components = manifest["component"].as_table().unwrap();
    let component = |(name, table): (&String, &Value)| {
        let table = table.as_table().unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let hosts = table.get("allowed_outbound_hosts").and_then(Value::as_array).into_iter().flatten();
        let variables = table.get("variables").and_then(Value::as_table).into_iter().flatten();
        let others = table.iter().filter(|(key, _)| !KNOWN_KEYS.contains(&key.as_str()));
        Component {
            name: name.clone(),
            hosts: hosts.map(text).collect(),
            variables: variables.map(|(name, template)| (name.clone(), text(template))).collect(),
            others: others.map(|(key, value)| format!("{key} = {value}")).collect(),
        }
    };
    components.iter().map(component).collect()
}

fn variables() -> Table {
    spin_toml()["variables"].as_table().unwrap().clone()
}

fn is_secret(variable: &Value) -> bool {
    variable.get("secret").and_then(Value::as_bool).unwrap_or_default()
}

/// The components that see a variable.
fn who_sees(variable: &str) -> Vec<String> {
    let sees = |component: &Component| component.variables.values().any(|template| names(template).contains(&variable));
    components().into_iter().filter(sees).map(|component| component.name).collect()
}

/// The variables in a template.
fn names(template: &str) -> Vec<&str> {
    let after = template.split("{{").skip(1);
    after.filter_map(|rest| rest.split_once("}}")).map(|(name, _)| name.trim()).collect()
}

#[test]
fn each_component_reaches_what_it_needs() {
    let granted = |component: Component| {
        let all: Vec<_> = component.hosts.into_iter().chain(component.others).collect();
        format!("{:<12}{}", component.name, if all.is_empty() { "nothing".to_owned() } else { all.join(", ") })
    };
    let table: Vec<_> = components().into_iter().map(granted).collect();
    insta::assert_snapshot!(table.join("\n"), @"
    admin       {{ database_host }}
    apps        {{ database_host }}
    auth        {{ database_host }}
    documents   {{ database_host }}, {{ documents_upstream }}
    groups      {{ database_host }}
    health-poll {{ app_url }}
    ops         {{ database_host }}, http://auth.spin.internal, http://settings.spin.internal, http://services.spin.internal, http://documents.spin.internal
    profile     {{ database_host }}
    services    {{ database_host }}, {{ documents_upstream }}, {{ ai_upstream }}
    settings    {{ database_host }}, {{ ai_upstream }}
    users       {{ database_host }}
    ");
}

#[test]
fn each_component_sees_the_variables_that_it_needs() {
    let line = |(name, variable): (&String, &Value)| {
        format!("{name:<24}{:<8}{}", if is_secret(variable) { "secret" } else { "" }, who_sees(name).join(", "))
    };
    let table: Vec<_> = variables().iter().map(line).collect();
    insta::assert_snapshot!(table.join("\n"), @"
    access_lifetime                 auth
    ai_origins                      settings
    ai_upstream                     services, settings
    app_url                         health-poll
    audience                        admin, apps, auth, documents, groups, ops, profile, services, settings, users
    audit_key               secret  services
    cookie_secure                   admin, apps, auth, documents, groups, ops, profile, services, settings, users
    database_host                   ops
    database_url            secret  admin, apps, auth, documents, groups, ops, profile, services, settings, users
    documents_upstream              documents, services
    issuer                          admin, apps, auth, documents, groups, ops, profile, services, settings, users
    log_requests                    admin, apps, auth, documents, groups, ops, profile, services, settings, users
    mail_transport                  services
    max_sessions                    auth
    password_reset_url              auth
    public_origins                  admin, apps, auth, documents, groups, ops, profile, services, settings, users
    rate_limit_scale                auth
    refresh_idle_lifetime           auth
    refresh_lifetime                auth
    refresh_token_key       secret  auth
    registration                    auth
    service_token           secret  settings
    settings_key            secret  settings
    settings_key_previous   secret  settings
    signing_key             secret  auth
    tick_token              secret  health-poll, services
    trusted_proxies                 admin, apps, auth, documents, groups, ops, profile, services, settings, users
    upstream_timeout                documents
    verifying_keys                  admin, apps, auth, documents, groups, ops, profile, services, settings, users
    ");
}

#[test]
fn only_auth_sees_private_keys() {
    for key in PRIVATE_KEYS {
        assert_eq!(who_sees(key), ["auth"], "{key}");
    }
}

#[test]
fn a_variable_has_one_name_and_only_some_components_have_values_of_their_own() {
    let mut problems = Vec::new();
    for component in components() {
        for (name, template) in &component.variables {
            let is_own = OWN.contains(&(&component.name, name));
            if !is_own && template.replace(' ', "") != format!("{{{{{name}}}}}") {
                problems.push(format!("{}: {name} = {template:?} is not \"{{{{ {name} }}}}\"", component.name));
            }
        }
    }
    assert_none(&problems);
}

#[test]
fn every_variable_that_is_taken_is_declared_and_the_other_way_round() {
    let components = components();
    let templates = components.iter().flat_map(|component| component.variables.values().chain(&component.hosts));
    let taken = templates.flat_map(|template| names(template)).map(str::to_owned).collect();
    let declared = variables().keys().cloned().collect();
    assert_same(["the components of spin.toml", "its [variables]"], [taken, declared]);
}

#[test]
fn no_component_reaches_more_than_single_origins() {
    let variables = variables();
    let default = |name: &str| variables[name].get("default").and_then(Value::as_str).unwrap_or_default();
    let mut problems = Vec::new();
    for component in components() {
        for host in &component.hosts {
            // One variable is one whole origin: an entry that does not parse denies all of the component's hosts.
            let origin = match names(host)[..] {
                [name] if host.replace(' ', "") == format!("{{{{{name}}}}}") => default(name),
                _ => host,
            };
            if !origin.is_empty() && !is_single_origin(origin) {
                problems.push(format!("{} reaches {host:?}, which is {origin:?}", component.name));
            }
        }
    }
    assert_none(&problems);
}

/// `scheme://host` or `scheme://host:port`: no wildcard, no network, no range of ports, no template.
fn is_single_origin(text: &str) -> bool {
    let Some((scheme, authority)) = text.split_once("://") else { return false };
    let (host, port) = authority.rsplit_once(':').unwrap_or((authority, "0"));
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '-';
    scheme.chars().all(|c| c.is_ascii_lowercase()) && host.chars().all(plain) && port.parse::<u16>().is_ok()
}

#[test]
fn what_is_secret_is_marked_and_has_no_value_here() {
    let mut problems = Vec::new();
    for (name, variable) in variables() {
        let sounds_secret = name.split('_').any(|word| SECRET_WORDS.contains(&word));
        let is_public = PUBLIC.iter().any(|(public, _)| *public == name);
        if is_secret(&variable) != (sounds_secret && !is_public) {
            problems.push(format!("{name}: its name and its `secret` disagree"));
        }
        if is_secret(&variable) && variable.get("default").is_some_and(|value| value.as_str() != Some("")) {
            problems.push(format!("{name}: a secret has a default"));
        }
    }
    for (name, reason) in PUBLIC {
        if !variables().contains_key(name) {
            problems.push(format!("{name} ({reason}): there is no such variable"));
        }
    }
    assert_none(&problems);
}
