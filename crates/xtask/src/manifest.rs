//! What `spin.toml` says: the components and where their `.wasm` files belong, and the variables.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::checkout::Checkout;

/// A component of the application that is built from a package of this workspace.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Component {
    /// Its id, which is also the name of its package and of its folder.
    pub(crate) name: String,
    /// Where the host looks for it, relative to the manifest.
    pub(crate) source: PathBuf,
}

/// Every component that has a folder under `components/`, in the order of their names.
pub(crate) fn components(checkout: &Checkout) -> Result<Vec<Component>> {
    let path = checkout.path("spin.toml");
    let mut components = parse(&read(&path)?).with_context(|| format!("cannot read {}", path.display()))?;
    components.retain(|component| checkout.path("components").join(&component.name).join("Cargo.toml").is_file());
    Ok(components)
}

/// The components of a `spin.toml` that have a route, each once.
pub(crate) fn http_components(path: &Path) -> Result<BTreeSet<String>> {
    let manifest = read(path)?;
    let triggers = manifest.get("trigger").and_then(|triggers| triggers.get("http")).and_then(toml::Value::as_array);
    let component = |trigger: &toml::Value| Some(trigger.get("component")?.as_str()?.to_owned());
    Ok(triggers.into_iter().flatten().filter_map(component).collect())
}

/// The names of the variables of a `spin.toml`.
pub(crate) fn variables(path: &Path) -> Result<Vec<String>> {
    let manifest = read(path)?;
    let variables = manifest.get("variables").and_then(toml::Value::as_table);
    Ok(variables.into_iter().flat_map(toml::Table::keys).cloned().collect())
}

fn read(path: &Path) -> Result<toml::Table> {
    let read = || anyhow::Ok(std::fs::read_to_string(path)?.parse()?);
    read().with_context(|| format!("cannot read {}", path.display()))
}

/// Components whose source is not a local file (a URL, a registry) are left out.
fn parse(manifest: &toml::Table) -> Result<Vec<Component>> {
    let components =
        manifest.get("component").and_then(toml::Value::as_table).context("it has no [component.*] table")?;
    let local = |(name, table): (&String, &toml::Value)| {
        let source = table.get("source")?.as_str()?;
        Some(Component { name: name.clone(), source: PathBuf::from(source) })
    };
    Ok(components.iter().filter_map(local).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn components_with_a_local_source_are_listed() {
        let text = r#"
            [component.users]
            source = "target/components/users.wasm"
            [component.health-poll]
            source = "target/components/health_poll.wasm"
            [component.remote]
            source = { url = "https://example.com/a.wasm", digest = "sha256:00" }
        "#;
        let components = parse(&text.parse().unwrap()).unwrap();
        let names: Vec<_> = components.iter().map(|component| component.name.as_str()).collect();
        assert_eq!(names, ["health-poll", "users"]);
        assert_eq!(components[0].source, PathBuf::from("target/components/health_poll.wasm"));
    }
}
