//! Where things are: the checkout, its `.local` folder, cargo's target folder.

use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::process;

/// The checkout that this command works on.
pub struct Checkout {
    root: PathBuf,
}

impl Checkout {
    /// The one around the working directory. What was there at compile time would be wrong for a checkout that moved.
    pub fn find() -> Result<Self> {
        let here = std::env::current_dir().context("cannot tell the working directory")?;
        let is_root = |folder: &&Path| folder.join("spin.toml").is_file() && folder.join("crates/xtask").is_dir();
        match here.ancestors().find(is_root) {
            Some(root) => Ok(Self { root: root.to_owned() }),
            None => bail!("{} is not inside a checkout of Frontdesk", here.display()),
        }
    }

    /// Its folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A path in it.
    pub fn path(&self, relative: impl AsRef<Path>) -> PathBuf {
        self.root.join(relative)
    }

    /// A path under `.local`, the git-ignored folder for what is made on this machine; the folder is there afterwards.
    pub fn local(&self, relative: impl AsRef<Path>) -> Result<PathBuf> {
        let folder = self.path(".local");
        fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
        Ok(folder.join(relative))
    }

    /// The signing and verifying keys of `up`.
    pub fn keys(&self) -> Result<PathBuf> {
        self.local("keys")
    }

    /// A path as the user would type it: relative to the checkout where it is inside.
    pub fn show<'a>(&self, path: &'a Path) -> std::path::Display<'a> {
        path.strip_prefix(&self.root).unwrap_or(path).display()
    }

    /// Cargo's target folder, wherever the environment or a configuration file puts it.
    pub fn target_folder(&self) -> Result<PathBuf> {
        let mut metadata = cargo();
        metadata.current_dir(&self.root).args(["metadata", "--no-deps", "--format-version=1", "--offline", "--locked"]);
        let metadata: serde_json::Value = serde_json::from_str(&process::output(&mut metadata)?)?;
        let folder = metadata.get("target_directory").and_then(|folder| folder.as_str());
        folder.map(PathBuf::from).context("`cargo metadata` names no target_directory")
    }
}

/// The cargo that runs this program, or the one on the PATH.
pub fn cargo() -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // What `cargo run` told this program of its own package. Ring's build script looks at such variables: it, and all that
    // depends on it, would be compiled anew whenever a cargo with them follows one without them.
    let ours = |name: &OsString| {
        let name = name.to_string_lossy();
        name.starts_with("CARGO_MANIFEST_") || name.starts_with("CARGO_PKG_")
    };
    for name in std::env::vars_os().map(|(name, _)| name).filter(ours) {
        cargo.env_remove(name);
    }
    cargo
}

/// Creates a folder that only its owner may look into.
pub fn create_private_folder(folder: &Path) -> Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .with_context(|| format!("cannot create {}", folder.display()))
}

/// Writes a file that only its owner may read. It is replaced whole: nobody sees half of it, or it with wider permissions.
pub fn write_private(path: &Path, contents: &str) -> Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.tmp", std::process::id()));
    let temporary = path.with_file_name(name);
    let write = || -> std::io::Result<()> {
        // One that an interrupted run left may have other permissions: it must not be written into.
        if let Err(error) = fs::remove_file(&temporary)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            return Err(error);
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
        file.write_all(contents.as_bytes())?;
        fs::rename(&temporary, path)
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}

/// A file's text, or `None` when there is no such file.
pub fn read_if_there(path: &Path) -> Result<Option<String>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}
