//! The sources, where a rule is about how something is written.

use std::path::Path;

use crate::checkout;

/// A Rust file.
pub(crate) struct Source {
    /// Where it is, from the root of the checkout.
    pub(crate) path: String,
    /// What is in it, but for lines that are comments.
    pub(crate) text: String,
}

/// The Rust files below a folder of the checkout.
pub(crate) fn below(folder: &str) -> Vec<Source> {
    let mut sources = Vec::new();
    collect(&checkout().join(folder), &mut sources);
    assert!(!sources.is_empty(), "{folder} holds no Rust file");
    sources
}

fn collect(folder: &Path, sources: &mut Vec<Source>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, sources);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
            let from_the_root = path.strip_prefix(checkout()).unwrap().to_str().unwrap();
            sources.push(Source { path: from_the_root.to_owned(), text: code.collect::<Vec<_>>().join("\n") });
        }
    }
}

/// The text of the string literal that this begins with, after any space.
pub(crate) fn literal(code: &str) -> Option<&str> {
    code.trim_start().strip_prefix('"')?.split('"').next()
}
