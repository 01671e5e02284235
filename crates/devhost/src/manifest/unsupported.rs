//! The parts of a manifest that Spin has and devhost has not, each with the reason.
//!
//! Checked on the raw table, before it is read into types: "unknown field" would be a lie.

use anyhow::bail;
use toml::{Table, Value};

/// Keys of a component.
const COMPONENT: &[(&str, &str)] = &[
    ("ai_models", "devhost has no language models"),
    ("allowed_http_hosts", "replaced by allowed_outbound_hosts"),
    ("dependencies", "devhost does not compose components"),
    ("dependencies_inherit_configuration", "devhost does not compose components"),
    ("exclude_files", "devhost mounts no files"),
    ("files", "devhost mounts no files"),
    ("key_value_stores", "devhost has no key-value stores"),
    ("profile", "devhost has no build profiles"),
    ("sqlite_databases", "devhost has no SQLite"),
];

/// Keys of any trigger.
const TRIGGER: &[(&str, &str)] = &[
    ("components", "devhost runs one component per trigger"),
    ("dependencies", "devhost has no middleware"),
    ("static_response", "devhost has no static responses"),
];

/// Finds the first part that devhost cannot do. One that asks for nothing (an empty list) is taken out.
pub(super) fn check(manifest: &mut Table) -> anyhow::Result<()> {
    match manifest.get("spin_manifest_version") {
        Some(Value::Integer(2)) => {}
        Some(Value::String(version)) if version == "2" => {}
        Some(_) => bail!("spin_manifest_version: devhost reads version 2 only"),
        None => bail!("spin_manifest_version: missing, so this is not a manifest of version 2"),
    }
    if let Some(Value::Table(application)) = manifest.get_mut("application") {
        refuse("application", application, &[("trigger", "devhost has no settings for all triggers of a kind")])?;
    }
    for (kind, triggers) in table(manifest, "trigger") {
        if kind != "http" && kind != "cron" {
            bail!("trigger.{kind}: devhost has the http and the cron trigger only");
        }
        for trigger in triggers.as_array_mut().into_iter().flatten().filter_map(Value::as_table_mut) {
            check_trigger(&format!("trigger.{kind}"), trigger)?;
        }
    }
    for (id, component) in table(manifest, "component") {
        if let Some(component) = component.as_table_mut() {
            let key = format!("component.{id}");
            refuse(&key, component, COMPONENT)?;
            if component.get("source").is_some_and(Value::is_table) {
                bail!("{key}.source: devhost runs local files only, and downloads nothing");
            }
        }
    }
    Ok(())
}

fn check_trigger(key: &str, trigger: &mut Table) -> anyhow::Result<()> {
    refuse(key, trigger, TRIGGER)?;
    if trigger.get("component").is_some_and(Value::is_table) {
        bail!("{key}.component: devhost takes the name of a component, not the component itself");
    }
    if let Some(executor) = trigger.get("executor") {
        // `spin` is an old name of the one kind that is left.
        match executor.get("type").and_then(Value::as_str) {
            Some("http" | "spin") => {}
            _ => bail!("{key}.executor: devhost has no Wagi"),
        }
    }
    Ok(())
}

fn refuse(key: &str, table: &mut Table, refused: &[(&str, &str)]) -> anyhow::Result<()> {
    for (name, reason) in refused {
        if table.remove(*name).is_some_and(|value| !is_empty(&value)) {
            bail!("{key}.{name}: {reason}");
        }
    }
    Ok(())
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Array(values) => values.is_empty(),
        Value::Table(table) => table.is_empty(),
        Value::Boolean(value) => !value,
        _ => false,
    }
}

fn table<'a>(manifest: &'a mut Table, key: &str) -> impl Iterator<Item = (&'a String, &'a mut Value)> {
    manifest.get_mut(key).and_then(Value::as_table_mut).into_iter().flatten()
}
