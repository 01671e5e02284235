//! The variables of the application, where their values come from, and what a component sees of them.
//!
//! Precedence is that of Spin's crates/runtime-factors/src/build.rs: `--variable`, the environment, `.env` in the
//! current folder, the default. Values are looked up at every `get`, as Spin does. There is no Vault, no Azure and no
//! runtime configuration file here.

mod cli;
mod host;

use std::collections::{BTreeMap, HashMap};
use std::env::VarError;
use std::fmt;
use std::path::PathBuf;
use std::sync::OnceLock;

pub(crate) use cli::VariableSource;

use crate::template::Template;

/// Before the upper-case name of a variable in the environment and in `.env`.
const ENVIRONMENT_PREFIX: &str = "SPIN_VARIABLE_";

/// Reads one variable of the process's environment; the tests replace it.
type Environment = Box<dyn Fn(&str) -> Result<String, VarError> + Send + Sync>;

/// Why a variable has no value; the texts are Spin's (crates/expressions/src/lib.rs).
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Error {
    /// The name is not one that a variable can have.
    InvalidName(String),
    /// A template that does not parse or that names an unknown variable.
    InvalidTemplate(String),
    /// The component has no such variable.
    Undefined(String),
    /// The variable exists, and its value cannot be had.
    Provider(String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidName(text) => write!(f, "invalid variable name: {text}"),
            Self::InvalidTemplate(text) => write!(f, "invalid variable template: {text}"),
            Self::Undefined(text) => write!(f, "undefined variable: {text}"),
            Self::Provider(text) => write!(f, "provider error: {text}"),
        }
    }
}

impl std::error::Error for Error {}

/// Checks that `name` is one that a variable can have: lower-case letters, digits and single underscores between them.
pub(crate) fn check_name(name: &str) -> Result<(), Error> {
    let reason = if name.is_empty() {
        "must not be empty".to_owned()
    } else if let Some(character) = name.chars().find(|c| !(c.is_ascii_lowercase() || c.is_ascii_digit() || *c == '_'))
    {
        format!(
            "invalid character {character:?}. Variable names may contain only lower-case letters, numbers, and \
             underscores."
        )
    } else if !name.starts_with(|c: char| c.is_ascii_lowercase()) {
        "must start with a lowercase ASCII letter".to_owned()
    } else if name.ends_with('_') {
        "must end with a lowercase ASCII letter or digit".to_owned()
    } else if name.contains("__") {
        "must not contain multiple consecutive underscores".to_owned()
    } else {
        return Ok(());
    };
    Err(Error::InvalidName(format!("{name:?}: {reason}")))
}

/// The places that values come from, before the defaults of the manifest.
pub(crate) struct Sources {
    command_line: HashMap<String, String>,
    environment: Environment,
    dotenv_path: PathBuf,
    dotenv: OnceLock<HashMap<String, String>>,
}

impl Sources {
    /// The command line's values, this process's environment, and `.env` in the current folder.
    pub(crate) fn new(command_line: HashMap<String, String>) -> Self {
        Self::with_environment(command_line, Box::new(|name| std::env::var(name)), PathBuf::from(".env"))
    }

    fn with_environment(command_line: HashMap<String, String>, environment: Environment, dotenv_path: PathBuf) -> Self {
        Self { command_line, environment, dotenv_path, dotenv: OnceLock::new() }
    }

    fn get(&self, name: &str) -> Result<Option<String>, Error> {
        if let Some(value) = self.command_line.get(name) {
            return Ok(Some(value.clone()));
        }
        let key = format!("{ENVIRONMENT_PREFIX}{}", name.to_ascii_uppercase());
        match (self.environment)(&key) {
            Ok(value) => Ok(Some(value)),
            Err(VarError::NotPresent) => self.dotenv_value(&key),
            Err(VarError::NotUnicode(_)) => Err(Error::Provider(format!("failed to resolve env var {key}"))),
        }
    }

    /// A `.env` that is missing is empty; one that does not parse is an error at every look-up, as in Spin.
    fn dotenv_value(&self, key: &str) -> Result<Option<String>, Error> {
        if let Some(values) = self.dotenv.get() {
            return Ok(values.get(key).cloned());
        }
        let values = dotenvy::from_path_iter(&self.dotenv_path)
            .into_iter()
            .flatten()
            .collect::<Result<HashMap<_, _>, _>>()
            .map_err(|error| Error::Provider(format!("{}: {error}", self.dotenv_path.display())))?;
        Ok(self.dotenv.get_or_init(|| values).get(key).cloned())
    }
}

/// Every variable of the application and, for each component, the templates that give it its own.
pub(crate) struct Variables {
    /// Name and default.
    application: BTreeMap<String, Option<String>>,
    /// Component, name, template.
    components: BTreeMap<String, BTreeMap<String, Template>>,
    sources: Sources,
}

impl Variables {
    /// The variables of an application, by name, each with its default.
    pub(crate) fn new(application: BTreeMap<String, Option<String>>, sources: Sources) -> Self {
        Self { application, components: BTreeMap::new(), sources }
    }

    /// Gives `component` its own variables; a template may use variables of the application only.
    pub(crate) fn add_component(
        &mut self,
        component: &str,
        variables: &BTreeMap<String, String>,
    ) -> Result<(), (String, Error)> {
        let mut templates = BTreeMap::new();
        for (name, text) in variables {
            let template = self.component_template(name, text).map_err(|error| (name.clone(), error))?;
            templates.insert(name.clone(), template);
        }
        self.components.insert(component.to_owned(), templates);
        Ok(())
    }

    fn component_template(&self, name: &str, text: &str) -> Result<Template, Error> {
        check_name(name)?;
        let template = Template::parse(text).map_err(|error| Error::InvalidTemplate(error.to_string()))?;
        if let Some(unknown) = template.variables().find(|variable| !self.application.contains_key(*variable)) {
            return Err(Error::InvalidTemplate(format!("unknown variable {unknown:?}")));
        }
        Ok(template)
    }

    /// The value of a component's variable, now.
    pub(crate) fn get(&self, component: &str, name: &str) -> Result<String, Error> {
        check_name(name)?;
        self.components
            .get(component)
            .ok_or_else(|| Error::Undefined(format!("no variable for component {component:?}")))?
            .get(name)
            .ok_or_else(|| Error::Undefined(format!("no variable for {component:?}.{name:?}")))?
            .render(|variable| self.application_value(variable))
    }

    /// The value of every variable of the application; one that has none fails all of them.
    pub(crate) fn application_values(&self) -> Result<HashMap<String, String>, Error> {
        self.application.keys().map(|name| Ok((name.clone(), self.application_value(name)?))).collect()
    }

    /// The default of a variable of the application, if it has one.
    pub(crate) fn default_value(&self, name: &str) -> Option<&str> {
        self.application.get(name)?.as_deref()
    }

    /// The names of the required variables that no source has a value for.
    pub(crate) fn missing(&self) -> Vec<&str> {
        self.application
            .iter()
            .filter(|(name, default)| default.is_none() && !matches!(self.sources.get(name), Ok(Some(_))))
            .map(|(name, _)| name.as_str())
            .collect()
    }

    fn application_value(&self, name: &str) -> Result<String, Error> {
        let default = self.application.get(name).ok_or_else(|| Error::InvalidName(name.to_owned()))?;
        match self.sources.get(name)? {
            Some(value) => Ok(value),
            None => default
                .clone()
                .ok_or_else(|| Error::Provider(format!("no provider resolved required variable {name:?}"))),
        }
    }
}

#[cfg(test)]
mod tests;
