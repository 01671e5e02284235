//! Whether something that cargo built is still what its sources say, without asking cargo, whose answer costs a third of a
//! second per package: `up` has to serve within seconds when nothing changed.
//!
//! It goes by what cargo itself goes by for packages of the workspace: the list of sources that the compiler wrote (dep-info)
//! and the times of these files. When in doubt the answer is no, and cargo decides.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context as _, Result};

use crate::checkout::Checkout;

/// A file beside the build's output: its time is when the build began, its text what the build depended on besides sources.
pub(crate) struct Stamp {
    path: PathBuf,
    dep_info: PathBuf,
    manifests: Vec<PathBuf>,
}

impl Stamp {
    pub(crate) fn new(checkout: &Checkout, path: PathBuf, dep_info: PathBuf) -> Self {
        Self { path, dep_info, manifests: manifests(checkout.root()) }
    }

    /// To be called before cargo is.
    pub(crate) fn begin(&self) -> Result<SystemTime> {
        // An interrupted build must not leave the stamp of the one before it.
        if self.path.exists() {
            fs::remove_file(&self.path).with_context(|| format!("cannot remove {}", self.path.display()))?;
        }
        Ok(SystemTime::now())
    }

    /// To be called when cargo has succeeded. A source that was edited meanwhile is newer than `began`.
    pub(crate) fn end(&self, began: SystemTime) -> Result<()> {
        let write = || {
            fs::write(&self.path, surroundings())?;
            File::options().write(true).open(&self.path)?.set_modified(began)
        };
        write().with_context(|| format!("cannot write {}", self.path.display()))
    }

    /// Whether nothing changed since.
    pub(crate) fn is_fresh(&self) -> bool {
        let Ok(began) = modified(&self.path) else { return false };
        let Ok(dep_info) = fs::read_to_string(&self.dep_info) else { return false };
        let sources = sources(&dep_info);
        let unchanged = |path: &PathBuf| self.is_generated(path) || modified(path).is_ok_and(|time| time < began);
        !sources.is_empty()
            && fs::read_to_string(&self.path).is_ok_and(|text| text == surroundings())
            && sources.iter().chain(&self.manifests).all(unchanged)
    }

    /// Whether a build script wrote it, during the build: cargo lists what it was made from as well.
    fn is_generated(&self, path: &Path) -> bool {
        path.starts_with(self.dep_info.with_file_name("build"))
    }
}

fn modified(path: &Path) -> std::io::Result<SystemTime> {
    fs::metadata(path)?.modified()
}

/// The files that decide what is built and how, of all packages: some are dependencies of others.
fn manifests(root: &Path) -> Vec<PathBuf> {
    let members = ["components", "crates", "crates/devhost"]
        .into_iter()
        .filter_map(|folder| fs::read_dir(root.join(folder)).ok())
        .flatten();
    let members = members.filter_map(|entry| Some(entry.ok()?.path().join("Cargo.toml")));
    let shared = [".cargo/config.toml", "Cargo.lock", "Cargo.toml", "rust-toolchain.toml"].map(|name| root.join(name));
    members.chain(shared).filter(|path| path.exists()).collect()
}

/// The compiler and the variables that change what cargo does with the same sources.
fn surroundings() -> String {
    let toolchain = std::env::var_os("CARGO").unwrap_or_default();
    let installed = modified(Path::new(&toolchain)).ok();
    let mut lines = vec![format!("{} {installed:?}", toolchain.display())];
    let matters = |name: &OsStr| {
        let name = name.to_string_lossy();
        let prefixes = ["CARGO_BUILD_", "CARGO_ENCODED_", "CARGO_PROFILE_", "CARGO_TARGET_", "RUSTC", "RUSTFLAGS"];
        prefixes.iter().any(|prefix| name.starts_with(prefix))
    };
    let variables = std::env::vars_os().filter(|(name, _)| matters(name));
    lines.extend(variables.map(|(name, value)| format!("{}={}", name.display(), value.display())));
    // The order of the environment is not the same from one start to the next.
    lines.sort();
    lines.join("\n")
}

/// The right-hand side of a dep-info file: paths between spaces, spaces within them escaped.
fn sources(dep_info: &str) -> Vec<PathBuf> {
    let Some((_, sources)) = dep_info.lines().next().and_then(|line| line.split_once(": ")) else { return Vec::new() };
    let unescape = |path: &str| PathBuf::from(path.replace('\0', " "));
    sources.replace("\\ ", "\0").split(' ').filter(|path| !path.is_empty()).map(unescape).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dep_info_lists_sources_with_spaces_escaped() {
        let text = "/t/auth.wasm: /w/a/lib.rs /w/my\\ folder/b.rs\n\n/w/a/lib.rs:\n";
        assert_eq!(sources(text), [PathBuf::from("/w/a/lib.rs"), PathBuf::from("/w/my folder/b.rs")]);
    }

    #[test]
    fn dep_info_without_sources_is_never_fresh() {
        assert!(sources("").is_empty());
        assert!(sources("/t/auth.wasm:").is_empty());
    }
}
