//! Which component answers which path, by the router that Spin has.

use std::collections::BTreeSet;

use toml::Value;

use crate::components::{self, Operation};
use crate::{assert_none, assert_same, checkout, read, spin_toml};

/// The triggers of a kind, in the order of the file: each with its component, and with the value of this key.
fn triggers(kind: &str, key: &str) -> Vec<(String, String)> {
    let manifest = spin_toml();
    let triggers = manifest["trigger"].get(kind).and_then(Value::as_array).into_iter().flatten();
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    triggers.map(|trigger| (text(&trigger["component"]), text(&trigger[key]))).collect()
}

fn routes() -> Vec<(String, String)> {
    triggers("http", "route")
}

fn router() -> routefinder::Router<String> {
    let mut router = routefinder::Router::new();
    for (component, route) in routes() {
        router.add(spec(&route).as_str(), component).unwrap();
    }
    router
}

/// The pattern as Spin gives it to its router.
fn spec(route: &str) -> String {
    let based = route.strip_suffix('/').unwrap_or(route);
    based.strip_suffix("/...").map_or_else(|| based.to_owned(), |prefix| format!("{prefix}/*"))
}

/// The component that answers a path.
fn who_answers(path: &str) -> Option<String> {
    router().best_match(path).map(|found| found.handler().clone())
}

#[test]
fn each_component_has_its_routes() {
    let cron = triggers("cron", "cron_expression").into_iter().map(|(component, at)| (component, format!("at {at}")));
    let all: Vec<_> = routes().into_iter().chain(cron).collect();
    let line = |name: &String| {
        let of_it = all.iter().filter(|(component, _)| component == name);
        format!("{name:<12}{}", of_it.map(|(_, route)| route.as_str()).collect::<Vec<_>>().join(", "))
    };
    let table: Vec<_> = spin_toml()["component"].as_table().unwrap().keys().map(line).collect();
    insta::assert_snapshot!(table.join("\n"), @"
    admin       /api/admin/audit, /api/admin/users/...
    apps        /api/apps, /api/admin/apps/...
    auth        /api/auth/..., /.well-known/jwks.json
    documents   /api/documents/...
    groups      /api/admin/groups/...
    health-poll at */30 * * * * *
    ops         /...
    profile     /api/profile
    services    /api/services, /internal/tick
    settings    /api/settings/..., /internal/settings/...
    users       /api/users/...
    ");
}

#[test]
fn the_same_components_are_in_the_manifest_in_the_folder_and_in_these_tests() {
    let in_the_manifest: BTreeSet<_> = spin_toml()["component"].as_table().unwrap().keys().cloned().collect();
    let folders = std::fs::read_dir(checkout().join("components")).unwrap().map(|entry| entry.unwrap());
    let with_a_crate = folders.filter(|folder| folder.path().join("Cargo.toml").is_file());
    let in_the_folder = with_a_crate.map(|folder| folder.file_name().into_string().unwrap()).collect();
    let triggers = routes().into_iter().chain(triggers("cron", "cron_expression"));
    let triggered = triggers.map(|(component, _)| component).collect();
    let linked = components::all().iter().map(|component| component.name.to_owned()).collect();
    for (place, components) in [
        ("the folder components/", in_the_folder),
        ("[[trigger.*]] of spin.toml", triggered),
        ("crates/e2e/tests/house/components.rs", linked),
    ] {
        assert_same(["[component.*] of spin.toml", place], [in_the_manifest.clone(), components]);
    }
}

// Of equal routes Spin takes the last one, and its warning stops nobody.
#[test]
fn no_route_is_there_twice() {
    let nameless = |segment: &str| if segment.starts_with(':') { ":".to_owned() } else { segment.to_owned() };
    let mut seen = BTreeSet::new();
    for (component, route) in routes() {
        let pattern = spec(&route).split('/').map(nameless).collect::<Vec<_>>().join("/");
        assert!(seen.insert(pattern), "{route} of {component} is there twice");
    }
}

#[test]
fn every_documented_path_goes_to_the_component_that_has_it() {
    let mut problems = Vec::new();
    for component in components::all() {
        for Operation { path, .. } in component.operations() {
            let filled = |segment: &str| if segment.contains('{') { "anything".to_owned() } else { segment.to_owned() };
            let example = path.split('/').map(filled).collect::<Vec<_>>().join("/");
            let answers = who_answers(&example);
            if answers.as_deref() != Some(component.name) {
                problems.push(format!("{path} is in the route table of {} and goes to {answers:?}", component.name));
            }
        }
    }
    assert_none(&problems);
}

#[test]
fn what_nobody_has_goes_to_ops() {
    for path in ["/", "/nothing", "/api", "/api/nothing", "/api/authentic", "/.well-known", "/.well-known/nothing"] {
        assert_eq!(who_answers(path).as_deref(), Some("ops"), "{path}");
    }
}

// docs/decisions/0002.
#[test]
fn the_route_with_a_dot_comes_last() {
    assert_eq!(routes().last().unwrap().1, "/.well-known/jwks.json");
}

#[test]
fn the_document_has_the_operations_of_all_components_and_each_once() {
    let linked: Vec<_> = components::all().iter().flat_map(components::Component::operations).collect();
    let ids: BTreeSet<_> = linked.iter().map(|operation| &operation.id).collect();
    assert_eq!(ids.len(), linked.len(), "an operation id is there twice");
    let document = serde_json::from_str(&read("docs/openapi.json")).unwrap();
    let shown = |operations: Vec<Operation>| {
        operations.into_iter().map(|operation| format!("{} at {}", operation.id, operation.path)).collect()
    };
    assert_same(["docs/openapi.json", "the route tables"], [shown(components::operations(&document)), shown(linked)]);
}
