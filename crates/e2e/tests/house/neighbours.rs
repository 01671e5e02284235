//! Whom `/readyz` asks about variables. To call a component that is not there ends the instance that does.

use std::collections::{BTreeMap, BTreeSet};

use ops::NEIGHBOURS;
use toml::{Table, Value};

use crate::{assert_none, assert_same, spin_toml};

/// The component's part of the manifest.
fn component(manifest: &Table, id: &str) -> Table {
    manifest["component"][id].as_table().unwrap().clone()
}

/// Its variables: their names for the component, and the templates that they stand for.
fn variables(manifest: &Table, id: &str) -> BTreeMap<String, String> {
    let variables = component(manifest, id).get("variables").and_then(Value::as_table).cloned().unwrap_or_default();
    variables.into_iter().map(|(name, template)| (name, template.as_str().unwrap().to_owned())).collect()
}

fn asked() -> BTreeSet<String> {
    NEIGHBOURS.iter().map(|neighbour| neighbour.id.to_owned()).collect()
}

#[test]
fn every_component_with_a_route_and_variables_that_ops_has_not_is_asked() {
    let manifest = spin_toml();
    let triggers = manifest["trigger"]["http"].as_array().unwrap();
    let with_a_route: BTreeSet<_> = triggers.iter().map(|trigger| trigger["component"].as_str().unwrap()).collect();
    let of_ops = variables(&manifest, "ops");
    let has_others = |id: &&str| variables(&manifest, id).keys().any(|name| !of_ops.contains_key(name));
    let to_ask = with_a_route.into_iter().filter(has_others).map(str::to_owned).collect();
    assert_same(["spin.toml", "NEIGHBOURS of ops"], [to_ask, asked()]);
}

#[test]
fn ops_may_call_whom_it_asks_and_nobody_else() {
    let manifest = spin_toml();
    let hosts = component(&manifest, "ops")["allowed_outbound_hosts"].as_array().unwrap().clone();
    let hosts = hosts.iter().map(|host| host.as_str().unwrap().to_owned()).filter(|host| !host.contains("{{"));
    let expected = asked().into_iter().map(|id| format!("http://{id}.spin.internal")).collect();
    assert_same(["allowed_outbound_hosts of ops", "NEIGHBOURS of ops"], [hosts.collect(), expected]);
}

#[test]
fn no_other_component_may_call_one() {
    let manifest = spin_toml();
    let mut problems = Vec::new();
    for id in manifest["component"].as_table().unwrap().keys().filter(|id| *id != "ops") {
        let hosts = component(&manifest, id).get("allowed_outbound_hosts").map(Value::to_string).unwrap_or_default();
        if hosts.contains("spin.internal") {
            problems.push(format!("{id} may call components: {hosts}"));
        }
    }
    assert_none(&problems);
}

#[test]
fn a_variable_is_named_as_the_application_calls_it() {
    let manifest = spin_toml();
    for neighbour in NEIGHBOURS {
        let mut otherwise = BTreeSet::new();
        for (own, template) in variables(&manifest, neighbour.id) {
            let name = template.strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}")).map(str::trim);
            if name.is_some_and(|name| name != own && !name.contains('{')) {
                otherwise.insert(format!("{own} is {}", name.unwrap()));
            }
        }
        let renamed = neighbour.renamed.iter().map(|(own, name)| format!("{own} is {name}")).collect();
        assert_same(["spin.toml", &format!("NEIGHBOURS of ops, {}", neighbour.id)], [otherwise, renamed]);
    }
}
