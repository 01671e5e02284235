//! Programs of the system: where they are, and how they come onto a machine that is root's and Debian's, as those of continuous
//! integration are.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::process;

/// Where PATH has a program.
pub(crate) fn on_path(program: &str) -> Option<PathBuf> {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&folders).map(|folder| folder.join(program)).find(|path| path.is_file())
}

/// Installs packages with Debian's package manager, or fails with what is `missing`, where that is not possible.
pub(crate) fn install(packages: &[&str], missing: &str) -> Result<()> {
    if !(nix::unistd::geteuid().is_root() && on_path("apt-get").is_some()) {
        bail!("{missing}");
    }
    println!("Installing what is missing: apt-get install {}", packages.join(" "));
    // Not to be interrupted: dpkg would leave half a package and refuse to work until it is repaired.
    let apt = |arguments: &[&str]| {
        process::run_uninterrupted(Command::new("apt-get").env("DEBIAN_FRONTEND", "noninteractive").args(arguments))
    };
    let install = [&["install", "-y", "--no-install-recommends"], packages].concat();
    apt(&["update"]).and_then(|()| apt(&install)).with_context(|| missing.to_owned())
}
