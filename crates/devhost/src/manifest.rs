//! `spin.toml`: what devhost reads of it, and a clear error for every part that it cannot do.
//!
//! Only version 2. What is for building or for other tools (`build`, `tool`, `targets`, `authors`) is read past.
//! Whether a source exists, a route parses or a variable has a value is not checked here.

mod unsupported;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, bail};
use http::Uri;
use serde::Deserialize;
use serde::de::IgnoredAny;
use toml::Value;

use crate::{headers, variables};

/// A manifest that has been read and checked.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Manifest {
    #[serde(rename = "spin_manifest_version")]
    _version: IgnoredAny,
    /// What the application is called.
    pub(crate) application: Application,
    /// The variables of the application.
    #[serde(default)]
    pub(crate) variables: BTreeMap<String, Variable>,
    /// What makes components run.
    #[serde(default, rename = "trigger")]
    pub(crate) triggers: Triggers,
    /// The components.
    #[serde(default, rename = "component")]
    pub(crate) components: BTreeMap<String, Component>,
}

/// `[application]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Application {
    /// Its name.
    pub(crate) name: String,
    /// Its version; may be empty.
    #[serde(default)]
    pub(crate) version: String,
    #[serde(rename = "description")]
    _description: Option<IgnoredAny>,
    #[serde(rename = "authors")]
    _authors: Option<IgnoredAny>,
    #[serde(rename = "targets")]
    _targets: Option<IgnoredAny>,
    #[serde(rename = "tool")]
    _tool: Option<IgnoredAny>,
}

/// One of `[variables]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Variable {
    /// What it is worth if nothing says otherwise; none if the variable is required.
    pub(crate) default: Option<String>,
    #[serde(default)]
    required: bool,
    #[serde(rename = "secret")]
    _secret: Option<bool>,
    #[serde(rename = "description")]
    _description: Option<String>,
}

/// `[[trigger.*]]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Triggers {
    /// In the order of the file: of equal routes the last one counts.
    #[serde(default)]
    pub(crate) http: Vec<HttpTrigger>,
    /// In the order of the file.
    #[serde(default)]
    pub(crate) cron: Vec<CronTrigger>,
}

/// `[[trigger.http]]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HttpTrigger {
    /// The component that answers.
    pub(crate) component: String,
    /// Where it answers.
    #[serde(deserialize_with = "route")]
    pub(crate) route: Route,
    #[serde(rename = "id")]
    _id: Option<String>,
    #[serde(rename = "executor")]
    _executor: Option<IgnoredAny>,
}

/// The route of an HTTP trigger.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Route {
    /// A pattern.
    Path(String),
    /// Only for service chaining.
    Private,
}

/// `[[trigger.cron]]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CronTrigger {
    /// The component that runs.
    pub(crate) component: String,
    /// Six fields, seconds first, in UTC.
    pub(crate) cron_expression: String,
    #[serde(rename = "id")]
    _id: Option<String>,
}

/// `[component.<id>]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Component {
    /// The `.wasm`, relative to the folder of the manifest.
    pub(crate) source: PathBuf,
    /// Shown below its routes at the start.
    #[serde(default)]
    pub(crate) description: String,
    /// What it sees of the application's variables: names and templates.
    #[serde(default)]
    pub(crate) variables: BTreeMap<String, String>,
    /// Its environment; no templates.
    #[serde(default)]
    pub(crate) environment: BTreeMap<String, String>,
    /// Patterns, with templates.
    #[serde(default)]
    pub(crate) allowed_outbound_hosts: Vec<String>,
    #[serde(rename = "build")]
    _build: Option<IgnoredAny>,
    #[serde(rename = "tool")]
    _tool: Option<IgnoredAny>,
    #[serde(rename = "targets")]
    _targets: Option<IgnoredAny>,
}

impl Manifest {
    /// Reads `path`.
    ///
    /// # Errors
    ///
    /// `file: key: reason` for the first thing that is wrong or that devhost cannot do.
    pub(crate) fn read(path: &Path) -> anyhow::Result<Self> {
        let file = path.display();
        let text = std::fs::read_to_string(path).with_context(|| format!("{file}"))?;
        Self::parse(&text).map_err(|error| anyhow!("{file}: {error:#}"))
    }

    /// Keeps only what belongs to `components`; empty keeps all.
    pub(crate) fn retain(&mut self, components: &[String]) -> anyhow::Result<()> {
        if let Some(unknown) = components.iter().find(|id| !self.components.contains_key(*id)) {
            bail!("Specified component \"{unknown}\" not found in application");
        }
        let wanted = |id: &String| components.is_empty() || components.contains(id);
        self.triggers.http.retain(|trigger| wanted(&trigger.component));
        self.triggers.cron.retain(|trigger| wanted(&trigger.component));
        let triggers = &self.triggers;
        self.components.retain(|id, _| {
            triggers.http.iter().any(|trigger| trigger.component == *id)
                || triggers.cron.iter().any(|trigger| trigger.component == *id)
        });
        if self.components.is_empty() {
            bail!("No triggers in app");
        }
        if components.is_empty() { Ok(()) } else { self.check_chaining(components) }
    }

    /// Who is chosen has to have those whom it may call; an entry that is made of variables is not looked at
    /// (crates/factor-outbound-networking/src/allowed_hosts.rs).
    fn check_chaining(&self, chosen: &[String]) -> anyhow::Result<()> {
        for (id, component) in &self.components {
            for entry in &component.allowed_outbound_hosts {
                let uri = entry.parse::<Uri>().ok();
                let target = uri.as_ref().and_then(Uri::host).and_then(headers::service_chaining_target);
                if target.is_some_and(|target| !chosen.iter().any(|id| id == target)) {
                    bail!(
                        "Selected component '{id}' cannot use service chaining to unselected component: \
                         allowed_outbound_hosts = [{entry:?}]"
                    );
                }
            }
        }
        Ok(())
    }

    fn parse(text: &str) -> anyhow::Result<Self> {
        let mut table: toml::Table = text.parse().map_err(|error| syntax_error(text, &error))?;
        unsupported::check(&mut table)?;
        let manifest: Self = serde_path_to_error::deserialize(Value::Table(table))
            .map_err(|error| anyhow!("{}: {}", error.path(), error.inner().message()))?;
        manifest.check()?;
        Ok(manifest)
    }

    fn check(&self) -> anyhow::Result<()> {
        for (name, variable) in &self.variables {
            check_id(name, '_').map_err(|reason| anyhow!("variables.{name}: {reason}"))?;
            if variable.required == variable.default.is_some() {
                bail!("variables.{name}: must be `required` OR have a `default`");
            }
        }
        for (id, component) in &self.components {
            check_id(id, '-').map_err(|reason| anyhow!("component.{id}: {reason}"))?;
            for name in component.variables.keys() {
                variables::check_name(name).map_err(|reason| anyhow!("component.{id}.variables.{name}: {reason}"))?;
            }
        }
        let http = self.triggers.http.iter().map(|trigger| ("http", &trigger.component));
        let cron = self.triggers.cron.iter().map(|trigger| ("cron", &trigger.component));
        for (kind, component) in http.chain(cron) {
            if !self.components.contains_key(component) {
                bail!("trigger.{kind}: there is no component {component:?}");
            }
        }
        Ok(())
    }
}

/// What Spin takes as an identifier: words that start with a letter, between single separators
/// (crates/serde/src/id.rs).
fn check_id(id: &str, separator: char) -> Result<(), String> {
    for word in id.split(separator) {
        if !word.starts_with(|c: char| c.is_ascii_alphabetic()) {
            return Err(format!("{separator:?}-separated words must start with an ASCII letter"));
        }
        if !word.chars().all(|c| c.is_ascii_alphanumeric()) {
            return Err(format!("{separator:?}-separated words may only contain alphanumeric ASCII"));
        }
    }
    if separator == '_' && id.chars().any(|c| c.is_ascii_uppercase()) {
        return Err("must be all lowercase".to_owned());
    }
    Ok(())
}

fn route<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Route, D::Error> {
    let expected = || serde::de::Error::custom("a route is a string or { private = true }");
    match Value::deserialize(deserializer)? {
        Value::String(path) => Ok(Route::Path(path)),
        Value::Table(table) if table.len() == 1 && table.get("private") == Some(&Value::Boolean(true)) => {
            Ok(Route::Private)
        }
        _ => Err(expected()),
    }
}

/// Where and what, on one line.
fn syntax_error(text: &str, error: &toml::de::Error) -> anyhow::Error {
    let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
    anyhow!("line {}: {}", before.matches('\n').count() + 1, error.message())
}

#[cfg(test)]
mod tests;
