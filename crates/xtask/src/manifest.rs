//! What `spin.toml` says about the components: their names, and where their `.wasm` files belong.

use std::path::PathBuf;

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
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut components = parse(&text).with_context(|| format!("cannot read {}", path.display()))?;
    components.retain(|component| checkout.path("components").join(&component.name).join("Cargo.toml").is_file());
    Ok(components)
}

/// Components whose source is not a local file (a URL, a registry) are left out.
fn parse(text: &str) -> Result<Vec<Component>> {
    let manifest: toml::Table = text.parse()?;
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
        let components = parse(text).unwrap();
        let names: Vec<_> = components.iter().map(|component| component.name.as_str()).collect();
        assert_eq!(names, ["health-poll", "users"]);
        assert_eq!(components[0].source, PathBuf::from("target/components/health_poll.wasm"));
    }
}
