//! The documents on disk, and who may see them.
//!
//! ```text
//! lock                  held by the process that uses the folder
//! OWNER/ID              a document's content
//! OWNER/ID.json         the rest of it, and what makes it exist: it is written last and removed first
//! OWNER/categories.json the owner's categories
//! OWNER/incoming-*      what is being written
//! ```
//!
//! All names are made here, from UUIDs. Every function is given the caller and looks in the caller's own folder only.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

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

pub(super) struct Store {
    root: PathBuf,
    /// Held while categories are read to be changed.
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
    pub(super) fn list(&self, caller: Caller) -> io::Result<Vec<Document>> {
        let categories = self.categories(caller)?;
        let mut documents = Vec::new();
        for entry in none_if_missing(fs::read_dir(self.folder(caller)))?.into_iter().flatten() {
            let name = entry?.file_name();
            let id = name.to_str().and_then(|name| name.strip_suffix(JSON)).and_then(|id| Uuid::try_parse(id).ok());
            if let Some(id) = id {
                // One that somebody has broken does not hide the others.
                documents.extend(self.read_document(caller, id, &categories).unwrap_or_else(|error| {
                    console::note(&format!("Warning: a document is left out: {error}"));
                    None
                }));
            }
        }
        documents.sort_by(|one, other| (&other.created_at, other.id).cmp(&(&one.created_at, one.id)));
        Ok(documents)
    }

    /// A document that the caller may see.
    pub(super) fn find(&self, caller: Caller, id: Uuid) -> io::Result<Option<Document>> {
        self.read_document(caller, id, &self.categories(caller)?)
    }

    /// A document that the caller may see, and its content.
    pub(super) fn open_content(&self, caller: Caller, id: Uuid) -> io::Result<Option<(Document, File)>> {
        let Some(document) = self.find(caller, id)? else { return Ok(None) };
        // It may have been deleted since.
        Ok(none_if_missing(File::open(self.content(caller, id)))?.map(|content| (document, content)))
    }

    /// A file for content that arrives. It is gone when it is dropped.
    pub(super) fn begin(&self, caller: Caller) -> io::Result<NamedTempFile> {
        private_folder(&self.folder(caller))?;
        incoming(&self.folder(caller))
    }

    /// Makes a document of content that has arrived and is on disk.
    pub(super) fn finish(&self, caller: Caller, document: &Document, content: TempPath) -> io::Result<()> {
        content.persist_noclobber(self.content(caller, document.id))?;
        // The content's name is on disk before the document exists.
        sync_folder(&self.folder(caller))?;
        self.write_json(caller, &document.id.to_string(), document)
    }

    /// Whether there was such a document.
    pub(super) fn delete(&self, caller: Caller, id: Uuid) -> io::Result<bool> {
        if none_if_missing(fs::remove_file(self.json(caller, &id.to_string())))?.is_none() {
            return Ok(false);
        }
        sync_folder(&self.folder(caller))?;
        none_if_missing(fs::remove_file(self.content(caller, id)))?;
        Ok(true)
    }

    /// The caller's categories, the newest first.
    pub(super) fn categories(&self, caller: Caller) -> io::Result<Vec<Category>> {
        Ok(read_json(&self.json(caller, "categories"))?.unwrap_or_default())
    }

    /// Changes the caller's categories, unless the change is none.
    pub(super) fn change_categories<T>(
        &self,
        caller: Caller,
        change: impl FnOnce(&mut Vec<Category>) -> Option<T>,
    ) -> io::Result<Option<T>> {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut categories = self.categories(caller)?;
        let Some(outcome) = change(&mut categories) else { return Ok(None) };
        private_folder(&self.folder(caller))?;
        self.write_json(caller, "categories", &categories)?;
        Ok(Some(outcome))
    }

    /// A category that is gone is none, so that removing one is one change.
    fn read_document(&self, caller: Caller, id: Uuid, categories: &[Category]) -> io::Result<Option<Document>> {
        let document: Option<Document> = read_json(&self.json(caller, &id.to_string()))?;
        Ok(document.map(|document| {
            let category = document.category.filter(|id| categories.iter().any(|category| category.id == *id));
            Document { category, ..document }
        }))
    }

    /// Writes a file that is whole or not there, whenever the power fails.
    fn write_json(&self, caller: Caller, name: &str, value: &impl Serialize) -> io::Result<()> {
        let folder = self.folder(caller);
        let mut file = incoming(&folder)?;
        file.write_all(&serde_json::to_vec(value)?)?;
        file.as_file().sync_all()?;
        file.persist(self.json(caller, name))?;
        sync_folder(&folder)
    }

    fn folder(&self, caller: Caller) -> PathBuf {
        self.root.join(caller.user_id.to_string())
    }

    fn content(&self, caller: Caller, id: Uuid) -> PathBuf {
        self.folder(caller).join(id.to_string())
    }

    fn json(&self, caller: Caller, name: &str) -> PathBuf {
        self.folder(caller).join(format!("{name}{JSON}"))
    }
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

fn none_if_missing<T>(outcome: io::Result<T>) -> io::Result<Option<T>> {
    match outcome {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
