//! `allowed_outbound_hosts`: which hosts a component may reach.
//!
//! The rules are those of Spin's crates/outbound-networking-config/src/allowed_hosts.rs. A name is compared as it is
//! written and never looked up: `localhost` is not `127.0.0.1`. Blocked networks of a runtime configuration are not
//! here.

mod destination;
mod pattern;

use std::sync::{Arc, OnceLock};

use anyhow::{Context, bail};

pub(crate) use destination::Destination;
use pattern::Pattern;

use crate::console;
use crate::template::Template;
use crate::variables::Variables;

/// What one instance of a component may reach: worked out at its first request, then kept as long as the instance
/// lives.
pub(crate) struct AllowedHosts {
    component: Arc<str>,
    entries: Arc<[String]>,
    variables: Arc<Variables>,
    patterns: OnceLock<Result<Vec<Pattern>, String>>,
}

impl AllowedHosts {
    /// The list of a component, unresolved.
    pub(crate) fn new(component: Arc<str>, entries: Arc<[String]>, variables: Arc<Variables>) -> Self {
        Self { component, entries, variables, patterns: OnceLock::new() }
    }

    /// Whether `url` may be reached; `scheme` is put before a `url` that has none. A refusal is told on standard error.
    ///
    /// # Errors
    ///
    /// The list itself cannot be resolved: nothing may be reached.
    pub(crate) fn check(&self, url: &str, scheme: &str) -> Result<bool, String> {
        let Ok(destination) = Destination::parse(url, scheme) else { return Ok(false) };
        let allowed = self.resolved()?.iter().any(|pattern| pattern.allows(&destination));
        if !allowed {
            console::host_refused(&self.component, &format!("{}://{}", destination.scheme, destination.authority()));
        }
        Ok(allowed)
    }

    /// Whether the component may call its own application by a relative URL.
    pub(crate) fn check_self(&self) -> Result<bool, String> {
        let allowed = self.resolved()?.iter().any(Pattern::allows_self);
        if !allowed {
            console::host_refused(&self.component, "http://self");
        }
        Ok(allowed)
    }

    fn resolved(&self) -> Result<&[Pattern], String> {
        let patterns = self.patterns.get_or_init(|| {
            resolve(&self.entries, &self.variables).map_err(|error| {
                let text = format!("{error:#}");
                console::warn(&format!(
                    "component {}: allowed_outbound_hosts cannot be resolved, so no host is allowed: {text}",
                    self.component
                ));
                text
            })
        });
        patterns.as_ref().map(Vec::as_slice).map_err(Clone::clone)
    }
}

/// Checks a list when the manifest is read: entries without variables in full, the others with the defaults if all of
/// theirs have one.
pub(crate) fn validate(entries: &[String], variables: &Variables) -> anyhow::Result<()> {
    for entry in entries {
        let template = Template::parse(entry)?;
        if template.is_literal() {
            literal(entry)?;
        } else if let Ok(rendered) = template.render(|name| variables.default_value(name).map(str::to_owned).ok_or(()))
        {
            optional(&rendered).with_context(|| format!("{entry:?}, with the defaults of its variables"))?;
        }
    }
    Ok(())
}

/// The patterns of all entries; one that does not parse fails the list.
fn resolve(entries: &[String], variables: &Variables) -> anyhow::Result<Vec<Pattern>> {
    // Spin takes the values of all variables of the application, whether the list needs them or not: one that has none
    // denies all hosts.
    let values = variables.application_values()?;
    let mut patterns = Vec::new();
    for entry in entries {
        let template = Template::parse(entry)?;
        if template.is_literal() {
            patterns.push(literal(entry)?);
        } else {
            let rendered = template
                .render(|name| values.get(name).cloned().with_context(|| format!("unknown variable {name:?}")))?;
            patterns.extend(optional(&rendered)?);
        }
    }
    Ok(patterns)
}

fn literal(entry: &str) -> anyhow::Result<Pattern> {
    if entry == "insecure:allow-all" {
        bail!("'insecure:allow-all' is not allowed: '*://*:*' allows all outbound traffic");
    }
    Pattern::parse(entry)
}

/// An entry made of variables may come out empty: that is how an endpoint is left out.
fn optional(rendered: &str) -> anyhow::Result<Option<Pattern>> {
    if ["", "http://", "https://"].contains(&rendered) { Ok(None) } else { Pattern::parse(rendered).map(Some) }
}

#[cfg(test)]
mod tests;
