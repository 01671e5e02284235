//! Content on its way to the disk.

use sha2::{Digest as _, Sha256};
use tempfile::TempPath;
use tokio::fs::File;
use tokio::io::AsyncWriteExt as _;

use super::Documents;
use super::caller::Caller;
use crate::{Error, Result};

/// Content that is arriving. What has arrived is gone when it is dropped.
pub(super) struct Receiving {
    file: File,
    path: TempPath,
    hash: Sha256,
    size: u64,
    limit: u64,
}

/// Content that has arrived and is on disk, under a name of its own until it is a document's.
pub(super) struct Received {
    pub(super) path: TempPath,
    /// In bytes.
    pub(super) size: u64,
    /// In hexadecimal.
    pub(super) sha256: String,
}

impl Receiving {
    /// Begins to receive content of at most so many bytes.
    pub(super) async fn begin(documents: &Documents, caller: Caller, limit: u64) -> Result<Self> {
        let (file, path) = documents.on_disk(move |store| store.begin(&caller)).await?.into_parts();
        Ok(Self { file: File::from_std(file), path, hash: Sha256::new(), size: 0, limit })
    }

    pub(super) async fn write(&mut self, chunk: &[u8]) -> Result<()> {
        self.size += chunk.len() as u64;
        if self.size > self.limit {
            return Err(Error::TooLarge(self.limit));
        }
        self.hash.update(chunk);
        self.file.write_all(chunk).await.map_err(Error::internal)
    }

    pub(super) async fn finish(mut self) -> Result<Received> {
        self.file.flush().await.map_err(Error::internal)?;
        self.file.sync_all().await.map_err(Error::internal)?;
        let sha256 = self.hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Received { path: self.path, size: self.size, sha256 })
    }
}
