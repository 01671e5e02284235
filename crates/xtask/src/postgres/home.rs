//! The folder of this checkout's cluster: `.local/postgres`. Where the account that Postgres runs as cannot reach it (a
//! checkout under `/root`, say), it is a link to a folder under `/var/lib/frontdesk`, and the link remembers which.

use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use super::account::Account;
use crate::checkout::Checkout;

/// Where clusters go that cannot be in their checkout.
const ELSEWHERE: &str = "/var/lib/frontdesk";

/// The folder, when it was chosen before.
pub(super) fn find(checkout: &Checkout) -> Result<Option<PathBuf>> {
    let link = checkout.local("postgres")?;
    match link.canonicalize() {
        Ok(home) => Ok(Some(home)),
        // The link leads nowhere: the folder elsewhere was deleted.
        Err(_) if link.is_symlink() => {
            fs::remove_file(&link).with_context(|| format!("cannot remove {}", link.display()))?;
            Ok(None)
        }
        Err(_) => Ok(None),
    }
}

/// Makes the folder, where the account can reach it.
pub(super) fn create(checkout: &Checkout, account: Account) -> Result<PathBuf> {
    let link = checkout.local("postgres")?;
    prepare(&link, account)?;
    if account.can_use(&link) {
        return Ok(link.canonicalize()?);
    }
    fs::remove_dir(&link).with_context(|| format!("cannot remove {}", link.display()))?;
    let home = create_elsewhere(checkout.root(), account)?;
    symlink(&home, &link).with_context(|| format!("cannot create the link {}", link.display()))?;
    println!("The account that Postgres runs as cannot reach this checkout: its data goes to {}", home.display());
    Ok(home)
}

fn create_elsewhere(checkout: &Path, account: Account) -> Result<PathBuf> {
    let mut hasher = DefaultHasher::new();
    checkout.hash(&mut hasher);
    let name = format!("{:016x}", hasher.finish());
    fs::create_dir_all(ELSEWHERE).with_context(|| format!("cannot create {ELSEWHERE}"))?;
    // A folder of that name belongs to a checkout that was here before: it may have moved, and its link still leads there.
    for number in 1..1000 {
        let home = Path::new(ELSEWHERE).join(if number == 1 { name.clone() } else { format!("{name}-{number}") });
        if home.exists() {
            println!(
                "An earlier checkout at this place left {}: delete it unless that checkout has moved",
                home.display()
            );
            continue;
        }
        prepare(&home, account)?;
        if account.can_use(&home) {
            return Ok(home);
        }
        bail!("the account that Postgres runs as cannot reach {}", home.display());
    }
    bail!("{ELSEWHERE} is full of clusters of earlier checkouts at this place: delete them")
}

fn prepare(folder: &Path, account: Account) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700))
        .with_context(|| format!("cannot set the permissions of {}", folder.display()))?;
    account.give(folder)
}
