//! The documents on disk, and who may see them.
//!
//! ```text
//! lock                  held by the process that uses the folder
//! OWNER/ID              a document's content
//! OWNER/ID.json         the rest of it, and what makes it exist: it is written last and removed first
//! OWNER/categories.json the owner's categories
//! OWNER/incoming-*      what is being written
//! groups/GROUP/ID.json  a link to a document that may be shared with the group: the document itself says whether it is
//! ```
//!
//! All names are made here, from UUIDs. Every function is given the caller and looks in the caller's own folder and in
//! those of the caller's groups only.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::Context as _;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tempfile::{NamedTempFile, TempPath};
use uuid::Uuid;

use super::caller::Caller;
use super::document::{Category, Document};
use super::sweep;
use crate::console;

/// How the names of unfinished files begin.
pub(super) const INCOMING: &str = "incoming-";
/// How the names of files of JSON end.
pub(super) const JSON: &str = ".json";
/// The folder of what groups share.
pub(super) const GROUPS: &str = "groups";

pub(super) struct Store {
    root: PathBuf,
    /// Held while a file of JSON is read to be changed or removed.
    changing: Mutex<()>,
    /// Locked for as long as the process lives.
    _lock: File,
}

impl Store {
    /// The store in this folder, freed of what a crash has left.
    pub(super) fn open(root: &Path) -> anyhow::Result<Self> {
        let shown = root.display();
        private_folder(root).with_context(|| format!("cannot use the folder {shown}"))?;
        fs::set_permissions(root, Permissions::from_mode(0o700))?;
        let lock = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(root.join("lock"))?;
        lock.try_lock().with_context(|| format!("another process uses the folder {shown}"))?;
        sweep::sweep(root).with_context(|| format!("cannot clean the folder {shown}"))?;
        Ok(Self { root: root.to_owned(), changing: Mutex::new(()), _lock: lock })
    }

    /// The documents that the caller may see, the newest first.
    pub(super) fn list(&self, caller: &Caller) -> io::Result<Vec<Document>> {
        let categories = self.categories(caller)?;
        let mut documents = Vec::new();
        for id in ids(&self.folder(caller))? {
            documents.extend(unless_broken(self.own(caller, id, &categories)));
        }
        for group in caller.groups.iter() {
            for id in ids(&self.group_folder(*group))? {
                documents.extend(unless_broken(self.shared(caller, id, *group)));
            }
        }
        documents.sort_by(|one, other| (&other.created_at, other.id).cmp(&(&one.created_at, one.id)));
        // The caller may see one for several reasons.
        documents.dedup_by_key(|document| document.id);
        Ok(documents)
    }

    /// A document that the caller may see.
    pub(super) fn find(&self, caller: &Caller, id: Uuid) -> io::Result<Option<Document>> {
        if let Some(document) = self.own(caller, id, &self.categories(caller)?)? {
            return Ok(Some(document));
        }
        let shared = caller.groups.iter().find_map(|group| self.shared(caller, id, *group).transpose());
        shared.transpose()
    }

    /// A document that the caller may see, and its content.
    pub(super) fn open_content(&self, caller: &Caller, id: Uuid) -> io::Result<Option<(Document, File)>> {
        let Some(document) = self.find(caller, id)? else { return Ok(None) };
        // It may have been deleted since.
        let content = none_if_missing(File::open(self.content(document.owner_id, id)))?;
        Ok(content.map(|content| (document, content)))
    }

    /// A file for content that arrives. It is gone when it is dropped.
    pub(super) fn begin(&self, caller: &Caller) -> io::Result<NamedTempFile> {
        private_folder(&self.folder(caller))?;
        incoming(&self.folder(caller))
    }

    /// Makes a document of content that has arrived and is on disk.
    pub(super) fn finish(&self, caller: &Caller, document: &Document, content: TempPath) -> io::Result<()> {
        content.persist_noclobber(self.content(caller.user_id, document.id))?;
        // The content's name is on disk before the document exists.
        sync_folder(&self.folder(caller))?;
        self.write_json(caller, &document.id.to_string(), document)
    }

    /// Deletes a document of the caller's own. Whether there was one.
    pub(super) fn delete(&self, caller: &Caller, id: Uuid) -> io::Result<bool> {
        let _changing = self.begin_change();
        let Some(document) = self.own(caller, id, &[])? else { return Ok(false) };
        fs::remove_file(self.json(caller, &id.to_string()))?;
        sync_folder(&self.folder(caller))?;
        none_if_missing(fs::remove_file(self.content(caller.user_id, id)))?;
        for group in document.groups {
            none_if_missing(fs::remove_file(self.link(group, id)))?;
        }
        Ok(true)
    }

    /// Shares a document of the caller's own with a group. Whether there is one.
    pub(super) fn share(&self, caller: &Caller, id: Uuid, group: Uuid) -> io::Result<bool> {
        self.change_groups(caller, id, |groups| {
            if groups.contains(&group) {
                return Ok(());
            }
            let folder = self.group_folder(group);
            private_folder(&folder)?;
            let document = Path::new("../..").join(caller.user_id.to_string()).join(format!("{id}{JSON}"));
            match symlink(document, self.link(group, id)) {
                // Of a change that did not come to its end.
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                outcome => outcome?,
            }
            // Found before it is shared: until the document says that it is, the link opens nothing.
            sync_folder(&folder)?;
            groups.push(group);
            Ok(())
        })
    }

    /// Shares a document of the caller's own no longer with a group. Whether there is one.
    pub(super) fn unshare(&self, caller: &Caller, id: Uuid, group: Uuid) -> io::Result<bool> {
        self.change_groups(caller, id, |groups| {
            groups.retain(|other| *other != group);
            Ok(())
        })
    }

    /// The caller's categories, the newest first.
    pub(super) fn categories(&self, caller: &Caller) -> io::Result<Vec<Category>> {
        Ok(read_json(&self.json(caller, "categories"))?.unwrap_or_default())
    }

    /// Changes the caller's categories, unless the change is none.
    pub(super) fn change_categories<T>(
        &self,
        caller: &Caller,
        change: impl FnOnce(&mut Vec<Category>) -> Option<T>,
    ) -> io::Result<Option<T>> {
        let _changing = self.begin_change();
        let mut categories = self.categories(caller)?;
        let Some(outcome) = change(&mut categories) else { return Ok(None) };
        private_folder(&self.folder(caller))?;
        self.write_json(caller, "categories", &categories)?;
        Ok(Some(outcome))
    }

    fn change_groups(
        &self,
        caller: &Caller,
        id: Uuid,
        change: impl FnOnce(&mut Vec<Uuid>) -> io::Result<()>,
    ) -> io::Result<bool> {
        let _changing = self.begin_change();
        let Some(mut document) = self.own(caller, id, &self.categories(caller)?)? else { return Ok(false) };
        let before = document.groups.clone();
        change(&mut document.groups)?;
        if document.groups != before {
            self.write_json(caller, &id.to_string(), &document)?;
        }
        // Of a change that does not come to its end, a link is left that opens nothing.
        for group in before.into_iter().filter(|group| !document.groups.contains(group)) {
            none_if_missing(fs::remove_file(self.link(group, id)))?;
        }
        Ok(true)
    }

    fn begin_change(&self) -> MutexGuard<'_, ()> {
        self.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A document of the caller's own. A category that is gone is none, so that removing one is one change.
    fn own(&self, caller: &Caller, id: Uuid, categories: &[Category]) -> io::Result<Option<Document>> {
        let document: Option<Document> = read_json(&self.json(caller, &id.to_string()))?;
        Ok(document.map(|document| {
            let category = document.category.filter(|id| categories.iter().any(|category| category.id == *id));
            Document { category, owner_id: caller.user_id, ..document }
        }))
    }

    /// A document that is shared with a group of the caller's. How its owner sorts it is not told, nor other groups.
    fn shared(&self, caller: &Caller, id: Uuid, group: Uuid) -> io::Result<Option<Document>> {
        let document: Option<Document> = read_json(&self.link(group, id))?;
        Ok(document.filter(|document| document.groups.contains(&group)).map(|document| {
            let groups = document.groups.into_iter().filter(|group| caller.groups.contains(group)).collect();
            Document { category: None, groups, ..document }
        }))
    }

    /// Writes a file that is whole or not there, whenever the power fails.
    fn write_json(&self, caller: &Caller, name: &str, value: &impl Serialize) -> io::Result<()> {
        let folder = self.folder(caller);
        let mut file = incoming(&folder)?;
        file.write_all(&serde_json::to_vec(value)?)?;
        file.as_file().sync_all()?;
        file.persist(self.json(caller, name))?;
        sync_folder(&folder)
    }

    fn folder(&self, caller: &Caller) -> PathBuf {
        self.root.join(caller.user_id.to_string())
    }

    fn group_folder(&self, group: Uuid) -> PathBuf {
        self.root.join(GROUPS).join(group.to_string())
    }

    fn link(&self, group: Uuid, id: Uuid) -> PathBuf {
        self.group_folder(group).join(format!("{id}{JSON}"))
    }

    fn content(&self, owner: Uuid, id: Uuid) -> PathBuf {
        self.root.join(owner.to_string()).join(id.to_string())
    }

    fn json(&self, caller: &Caller, name: &str) -> PathBuf {
        self.folder(caller).join(format!("{name}{JSON}"))
    }
}

/// The ids of the documents that a folder has, or has links to.
pub(super) fn ids(folder: &Path) -> io::Result<Vec<Uuid>> {
    let mut ids = Vec::new();
    for entry in none_if_missing(fs::read_dir(folder))?.into_iter().flatten() {
        let name = entry?.file_name();
        ids.extend(name.to_str().and_then(|name| name.strip_suffix(JSON)).and_then(|id| Uuid::try_parse(id).ok()));
    }
    Ok(ids)
}

/// A document that somebody has broken does not hide the others.
fn unless_broken(document: io::Result<Option<Document>>) -> Option<Document> {
    document.unwrap_or_else(|error| {
        console::note(&format!("Warning: a document is left out: {error}"));
        None
    })
}

/// Makes a folder that nobody else may look into.
fn private_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

fn incoming(folder: &Path) -> io::Result<NamedTempFile> {
    tempfile::Builder::new().prefix(INCOMING).permissions(Permissions::from_mode(0o600)).tempfile_in(folder)
}

fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

fn read_json<T: DeserializeOwned>(path: &Path) -> io::Result<Option<T>> {
    let Some(json) = none_if_missing(fs::read(path))? else { return Ok(None) };
    // Nothing of ours writes half a file: who changed it by hand is told on the console.
    serde_json::from_slice(&json).map(Some).map_err(|error| io::Error::other(format!("{}: {error}", path.display())))
}

pub(super) fn none_if_missing<T>(outcome: io::Result<T>) -> io::Result<Option<T>> {
    match outcome {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
