//! The Postgres programs on this machine: finding a usable set, and installing one where that is possible.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use nix::unistd::geteuid;

use crate::{packages, process};

/// The oldest version that the migrations and the components are written for.
const OLDEST: u32 = 14;

/// `initdb`, `pg_ctl` and `postgres` of one version.
#[derive(Debug)]
pub(super) struct Programs {
    pub(super) folder: PathBuf,
    /// 15 for 15.14.
    pub(super) major: u32,
}

impl Programs {
    /// The first usable set: on the PATH, then where packages put it. A cluster can be run by its own version only, which is
    /// then `wanted`.
    pub(super) fn find(wanted: Option<u32>) -> Option<Self> {
        let usable = |folder: PathBuf| {
            let major = major(&folder)?;
            let fits = wanted.map_or(major >= OLDEST, |wanted| major == wanted);
            fits.then_some(Self { folder, major })
        };
        on_path().into_iter().chain(packaged()).find_map(usable)
    }

    /// Finds a set, or installs one, or says what to install.
    pub(super) fn find_or_install(wanted: Option<u32>) -> Result<Self> {
        if let Some(programs) = Self::find(wanted) {
            return Ok(programs);
        }
        if let Some(version) = wanted {
            bail!(
                "the cluster was made by Postgres {version}, whose programs are not on this machine any more: \
                 install Postgres {version}"
            );
        }
        let missing = "Postgres 14 or newer is not installed: `sudo apt-get install postgresql`, \
                       `sudo dnf install postgresql-server` or `brew install postgresql@17` installs it; or set \
                       SPIN_VARIABLE_DATABASE_URL to use a server that is running elsewhere";
        install(missing)?;
        Self::find(None).context(missing)
    }

    /// The path of one of the three.
    pub(super) fn path(&self, program: &str) -> PathBuf {
        self.folder.join(program)
    }
}

/// Installs them, without the cluster that the package would make and run beside ours from then on.
fn install(missing: &str) -> Result<()> {
    let settings = Path::new("/etc/postgresql-common/createcluster.d/frontdesk.conf");
    let write = || {
        fs::create_dir_all(settings.parent().unwrap_or(settings))?;
        fs::write(settings, "create_main_cluster = false\n")
    };
    if geteuid().is_root() {
        write().with_context(|| format!("cannot write {}", settings.display()))?;
    }
    let installed = packages::install(&["postgresql"], missing);
    // Whoever installs another version later shall have its cluster.
    if settings.exists() {
        fs::remove_file(settings).with_context(|| format!("cannot remove {}", settings.display()))?;
    }
    installed
}

/// The folders that PATH leads to, links resolved: distributions link the programs into a common folder one by one.
fn on_path() -> Vec<PathBuf> {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let resolve = |folder: PathBuf| Some(folder.join("pg_ctl").canonicalize().ok()?.parent()?.to_owned());
    std::env::split_paths(&folders).filter_map(resolve).collect()
}

/// Where Debian, Red Hat and Homebrew keep them apart by version; newest first.
fn packaged() -> Vec<PathBuf> {
    let homes =
        ["/usr/lib/postgresql", "/opt/homebrew/opt", "/usr/local/opt", "/home/linuxbrew/.linuxbrew/opt", "/usr"];
    let mut found: Vec<(u32, PathBuf)> = Vec::new();
    for home in homes {
        for entry in Path::new(home).read_dir().into_iter().flatten().flatten() {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            let version = if home == "/usr/lib/postgresql" { Some(&*name) } else { version_of_folder(&name) };
            if let Some(version) = version {
                found.push((version.parse().unwrap_or(0), entry.path().join("bin")));
            }
        }
    }
    found.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
    found.into_iter().map(|(_, folder)| folder).collect()
}

/// `postgresql@17`, `pgsql-17` and plain `postgresql`.
fn version_of_folder(name: &str) -> Option<&str> {
    let rest = name.strip_prefix("postgresql").or_else(|| name.strip_prefix("pgsql"))?;
    match rest.strip_prefix(['@', '-']) {
        Some(version) => Some(version),
        None => rest.is_empty().then_some(""),
    }
}

/// The version of a complete set.
fn major(folder: &Path) -> Option<u32> {
    let complete = ["initdb", "pg_ctl", "postgres"].iter().all(|program| folder.join(program).is_file());
    let version = process::output(Command::new(complete.then(|| folder.join("postgres"))?).arg("--version")).ok()?;
    parse_version(&version)
}

/// `postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)`; betas say `18beta1`.
fn parse_version(text: &str) -> Option<u32> {
    let version = text.split_whitespace().nth(2)?;
    let digits = version.split(|letter: char| !letter.is_ascii_digit()).next()?;
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_major_version_is_read_from_what_postgres_prints() {
        assert_eq!(parse_version("postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)\n"), Some(15));
        assert_eq!(parse_version("postgres (PostgreSQL) 18beta1\n"), Some(18));
        assert_eq!(parse_version("something else"), None);
    }

    #[test]
    fn folders_of_packages_are_told_from_others() {
        assert_eq!(version_of_folder("postgresql@17"), Some("17"));
        assert_eq!(version_of_folder("pgsql-16"), Some("16"));
        assert_eq!(version_of_folder("postgresql"), Some(""));
        assert_eq!(version_of_folder("postgresql-common"), Some("common"));
        assert_eq!(version_of_folder("redis"), None);
    }
}
