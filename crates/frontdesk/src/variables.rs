//! Configuration: Spin variables, read once per instance, every problem collected instead of the first one raised.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// A variable that is missing or malformed, or a service that is not there. Never holds the value, which may be a secret.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Problem {
    name: Cow<'static, str>,
    reason: String,
    /// For the log of whoever found it: goes nowhere else.
    #[serde(skip)]
    cause: Option<String>,
}

impl Problem {
    /// A problem of the variable or the service named, for whoever asks.
    pub fn new(name: impl Into<Cow<'static, str>>, reason: impl Into<String>) -> Self {
        Self { name: name.into(), reason: reason.into(), cause: None }
    }

    /// The variable or the service.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The same of a variable that has this name elsewhere.
    #[must_use]
    pub fn renamed(self, name: &'static str) -> Self {
        Self { name: name.into(), ..self }
    }

    /// The same with what only the log may say.
    #[must_use]
    pub fn caused_by(self, cause: &impl std::fmt::Display) -> Self {
        Self { cause: Some(cause.to_string()), ..self }
    }

    /// The log's text.
    pub(crate) fn to_log(&self) -> String {
        self.cause.as_ref().map_or_else(|| self.to_string(), |cause| format!("{self} ({cause})"))
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.name, self.reason)
    }
}

/// Something that an instance makes of its variables, once.
pub trait Load: Clone + Send + Sync + Sized + 'static {
    /// Reads what it needs; `None` when a problem was found and noted.
    fn load(variables: &mut Variables) -> impl Future<Output = Option<Self>> + Send;
}

/// A component that needs no configuration.
impl Load for () {
    async fn load(_: &mut Variables) -> Option<Self> {
        Some(())
    }
}

/// Reads variables and notes what is wrong with them.
#[derive(Default)]
pub struct Variables {
    problems: Vec<Problem>,
}

impl Variables {
    /// Loads a `T`.
    ///
    /// # Errors
    /// Every problem that was found.
    pub async fn load<T: Load>() -> Result<T, Vec<Problem>> {
        let mut variables = Self::default();
        match T::load(&mut variables).await {
            Some(loaded) if variables.problems.is_empty() => Ok(loaded),
            _ => Err(variables.problems),
        }
    }

    /// A variable that must have a value, made into a `T`.
    pub async fn required<T>(
        &mut self,
        name: &'static str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        let parsed = match value(name).await {
            Ok(None) => Err("is not set".to_owned()),
            Ok(Some(value)) => parse(&value),
            Err(reason) => Err(reason),
        };
        parsed.map_err(|reason| self.problem(name, reason)).ok()
    }

    /// A variable that may be without a value, made into a `T`. A malformed one is a problem, and `None` as well.
    pub async fn optional<T>(
        &mut self,
        name: &'static str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        let parsed = match value(name).await {
            Ok(None) => return None,
            Ok(Some(value)) => parse(&value),
            Err(reason) => Err(reason),
        };
        parsed.map_err(|reason| self.problem(name, reason)).ok()
    }

    /// Notes a problem.
    pub fn problem(&mut self, name: &'static str, reason: impl Into<String>) {
        self.problems.push(Problem::new(name, reason));
    }
}

/// A variable's value, trimmed; `None` when it is blank.
async fn value(name: &str) -> Result<Option<String>, String> {
    match spin_sdk::variables::get(name).await {
        Ok(value) => Ok(Some(value.trim().to_owned()).filter(|value| !value.is_empty())),
        // The provider's own text may hold its address or the value: it is not repeated.
        Err(spin_sdk::variables::Error::Undefined(_)) => Err("is not given to this component in spin.toml".to_owned()),
        Err(_) => Err("cannot be read from the variables provider".to_owned()),
    }
}

/// A text as it is.
///
/// # Errors
/// Never; the signature is that of every parser of [`Variables::required`].
pub(crate) fn text(value: &str) -> Result<String, String> {
    Ok(value.to_owned())
}
