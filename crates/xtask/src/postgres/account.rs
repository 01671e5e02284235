//! The account that the Postgres programs run as. They refuse root, so root hands them to an account without privileges;
//! anybody else runs them as themselves.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use nix::unistd::{User, geteuid};

use crate::process;

/// Who runs the programs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Account {
    /// User and group to change to, when this program is root.
    other: Option<(u32, u32)>,
}

impl Account {
    /// The one for a new cluster: the account that the package made, or the one that owns nothing.
    pub(super) fn for_new_cluster() -> Result<Self> {
        if !geteuid().is_root() {
            return Ok(Self { other: None });
        }
        for name in ["postgres", "nobody"] {
            if let Some(user) = User::from_name(name).with_context(|| format!("cannot look up the account {name}"))? {
                return Ok(Self { other: Some((user.uid.as_raw(), user.gid.as_raw())) });
            }
        }
        bail!("Postgres refuses to run as root, and there is neither an account `postgres` nor `nobody` to run it as")
    }

    /// The one that owns a cluster: nobody else may run it.
    pub(super) fn of_owner(data: &Path) -> Result<Self> {
        let owner = fs::metadata(data).with_context(|| format!("cannot read {}", data.display()))?;
        let me = geteuid();
        if me.is_root() && owner.uid() != 0 {
            Ok(Self { other: Some((owner.uid(), owner.gid())) })
        } else if me.as_raw() == owner.uid() && !me.is_root() {
            Ok(Self { other: None })
        } else {
            bail!(
                "the Postgres cluster in {} belongs to the user with the id {}: run this as root or as that user",
                data.display(),
                owner.uid()
            )
        }
    }

    /// A program run as this account. Settings of the caller's own Postgres (PGDATA, PGPORT, ...) are not passed on.
    pub(super) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        let foreign =
            std::env::vars_os().map(|(name, _)| name).filter(|name| name.as_encoded_bytes().starts_with(b"PG"));
        for name in foreign {
            command.env_remove(name);
        }
        // The working directory may be one that the account cannot enter.
        command.current_dir("/");
        if let Some((user, group)) = self.other {
            // The standard library also gives up root's supplementary groups.
            command.uid(user).gid(group);
        }
        command
    }

    /// Makes a file or folder the account's own.
    pub(super) fn give(&self, path: &Path) -> Result<()> {
        match self.other {
            Some((user, group)) => std::os::unix::fs::chown(path, Some(user), Some(group))
                .with_context(|| format!("cannot change the owner of {}", path.display())),
            None => Ok(()),
        }
    }

    /// Replaces a file in a folder of the account's by a new one of its own. Whatever stands there, a link for example, is
    /// removed and not written through.
    pub(super) fn write(&self, path: &Path, contents: &str) -> Result<()> {
        let write = || -> std::io::Result<()> {
            match std::fs::remove_file(path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            let mut file = std::fs::File::options().write(true).create_new(true).mode(0o600).open(path)?;
            file.write_all(contents.as_bytes())?;
            match self.other {
                Some((user, group)) => std::os::unix::fs::fchown(&file, Some(user), Some(group)),
                None => Ok(()),
            }
        };
        write().with_context(|| format!("cannot write {}", path.display()))
    }

    /// Whether the account can get to a folder and write in it: every folder above has a say in that.
    pub(super) fn can_use(&self, folder: &Path) -> bool {
        let mut test = self.command(Path::new("/bin/sh"));
        process::output(test.args(["-c", "test -w \"$0\" && test -x \"$0\""]).arg(folder)).is_ok()
    }
}
