//! Cleaning up after a crash, before anybody is served.

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use uuid::Uuid;

use super::store::{GROUPS, INCOMING, JSON, ids, none_if_missing};

/// Removes unfinished files, content that belongs to no document, and links to none: an upload or a deletion did not come
/// to its end.
/// What this service does not write is left alone.
pub(super) fn sweep(root: &Path) -> io::Result<()> {
    for owner in folders(root)? {
        sweep_owner(&owner)?;
    }
    for group in folders(&root.join(GROUPS))? {
        sweep_group(&group)?;
    }
    Ok(())
}

/// The folders in a folder that are called by an id. There need be no such folder.
fn folders(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut folders = Vec::new();
    for entry in none_if_missing(fs::read_dir(folder))?.into_iter().flatten() {
        let entry = entry?;
        let is_ours = entry.file_name().to_str().is_some_and(|name| Uuid::try_parse(name).is_ok());
        if is_ours && entry.file_type()?.is_dir() {
            folders.push(entry.path());
        }
    }
    Ok(folders)
}

fn sweep_group(folder: &Path) -> io::Result<()> {
    for id in ids(folder)? {
        let link = folder.join(format!("{id}{JSON}"));
        if link.is_symlink() && !link.try_exists()? {
            fs::remove_file(link)?;
        }
    }
    Ok(())
}

fn sweep_owner(folder: &Path) -> io::Result<()> {
    let names = fs::read_dir(folder)?.map(|entry| Ok(entry?.file_name())).collect::<io::Result<HashSet<OsString>>>()?;
    for name in names.iter().filter_map(|name| name.to_str()) {
        let has_document = || names.contains(OsString::from(format!("{name}{JSON}")).as_os_str());
        if name.starts_with(INCOMING) || (Uuid::try_parse(name).is_ok() && !has_document()) {
            fs::remove_file(folder.join(name))?;
        }
    }
    Ok(())
}
