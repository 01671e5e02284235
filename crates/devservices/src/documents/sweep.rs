//! Cleaning up after a crash, before anybody is served.

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use uuid::Uuid;

use super::store::{GROUPS, INCOMING, JSON, none_if_missing};

/// Removes unfinished files, content that belongs to no document, and links to none: an upload or a deletion did not come
/// to its end.
/// What this service does not write is left alone.
pub(super) fn sweep(root: &Path) -> io::Result<()> {
    for entry in fs::read_dir(root)? {
        let entry = entry?;
        let is_owner = entry.file_name().to_str().is_some_and(|name| Uuid::try_parse(name).is_ok());
        if is_owner && entry.file_type()?.is_dir() {
            sweep_owner(&entry.path())?;
        }
    }
    for group in children(&root.join(GROUPS))? {
        for link in children(&group)? {
            if link.is_symlink() && !link.exists() {
                fs::remove_file(link)?;
            }
        }
    }
    Ok(())
}

/// What is in a folder, which need not be there.
fn children(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = none_if_missing(fs::read_dir(folder))?;
    entries.into_iter().flatten().map(|entry| Ok(entry?.path())).collect()
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
