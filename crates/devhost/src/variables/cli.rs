//! `--variable`: the four forms that `spin up` takes (Spin's crates/variables-static/src/source.rs).

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context, bail};

/// One `--variable` argument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum VariableSource {
    /// `name=value`
    Literal(String, String),
    /// `name=@file`: the value is what the file contains.
    Content(String, PathBuf),
    /// `@file.json`: an object of names and values.
    Json(PathBuf),
    /// `@file.toml`: a table of names and values.
    Toml(PathBuf),
}

impl FromStr for VariableSource {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        if let Some(path) = text.strip_prefix('@').map(PathBuf::from) {
            return match path.extension().and_then(|extension| extension.to_str()) {
                Some("json") => Ok(Self::Json(path)),
                Some("toml") => Ok(Self::Toml(path)),
                _ => bail!("variable files must end in .json or .toml"),
            };
        }
        match text.split_once('=') {
            Some((name, value)) => Ok(match value.strip_prefix('@') {
                Some(path) => Self::Content(name.to_owned(), PathBuf::from(path)),
                None => Self::Literal(name.to_owned(), value.to_owned()),
            }),
            None => bail!("variables must be in the form 'key=value' or '@file'"),
        }
    }
}

impl VariableSource {
    /// The names and values that the argument stands for.
    pub(crate) fn values(&self) -> anyhow::Result<HashMap<String, String>> {
        match self {
            Self::Literal(name, value) => Ok(HashMap::from([(name.clone(), value.clone())])),
            Self::Content(name, path) => Ok(HashMap::from([(name.clone(), read(path)?)])),
            Self::Json(path) => serde_json::from_str(&read(path)?).with_context(|| format!("{}", path.display())),
            Self::Toml(path) => toml::from_str(&read(path)?).with_context(|| format!("{}", path.display())),
        }
    }
}

fn read(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> VariableSource {
        text.parse().unwrap()
    }

    #[test]
    fn the_forms_are_told_apart_by_their_at_signs() {
        assert_eq!(parse("k=v=w"), VariableSource::Literal("k".into(), "v=w".into()));
        assert_eq!(parse("k=@v.txt"), VariableSource::Content("k".into(), "v.txt".into()));
        assert_eq!(parse("@all.json"), VariableSource::Json("all.json".into()));
        assert_eq!(parse("@all.toml"), VariableSource::Toml("all.toml".into()));
    }

    #[test]
    fn anything_else_is_an_error() {
        for text in ["k", "@all.yaml", "@all"] {
            text.parse::<VariableSource>().unwrap_err();
        }
    }

    #[test]
    fn files_give_their_content_or_their_table() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, content: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, content).unwrap();
            path
        };
        let values = |source: VariableSource| source.values().unwrap();
        let one = HashMap::from([("k".to_owned(), "v".to_owned())]);
        assert_eq!(values(VariableSource::Content("k".into(), file("k.txt", "v"))), one);
        assert_eq!(values(VariableSource::Json(file("all.json", r#"{"k":"v"}"#))), one);
        assert_eq!(values(VariableSource::Toml(file("all.toml", "k = 'v'"))), one);
    }
}
