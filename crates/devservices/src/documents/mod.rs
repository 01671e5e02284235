//! The documents service: everybody's own documents, on disk, and those that groups share.
//!
//! Whose request it is say the headers `x-user-id` and `x-user-groups`, which Frontdesk sets. What a caller may see is
//! decided in `store` alone, which is given the whole caller.

mod caller;
mod categories;
mod delete;
mod document;
mod download;
mod file_name;
mod list;
mod range;
mod receive;
mod share;
mod show;
mod store;
mod sweep;
mod upload;

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::{get, put};
use http::StatusCode;
use serde::Deserialize;
use uuid::Uuid;

use self::caller::Caller;
use self::store::Store;
use crate::settings::Settings;
use crate::{Error, Result, answer};

const MIB: u64 = 1024 * 1024;
/// How large a document may be when nobody says, in MiB.
const DEFAULT_MAX_MB: u64 = 25;

/// How old the settings may be: a new limit counts within that time.
pub const SETTINGS_KEPT: Duration = Duration::from_secs(5);

/// What administrators set.
#[derive(Clone, Deserialize)]
pub struct DocumentsSettings {
    /// How large a document may be, in MiB.
    max_pdf_mb: u64,
}

/// The service's state; cheap to clone.
#[derive(Clone)]
pub struct Documents(Arc<Inner>);

struct Inner {
    store: Store,
    settings: Settings<DocumentsSettings>,
}

/// The service.
pub fn router(documents: Documents) -> Router {
    let routes = Router::new()
        .route("/documents", get(list::list).post(upload::upload))
        .route("/documents/{id}", get(show::show).delete(delete::delete))
        .route("/documents/{id}/content", get(download::download))
        .route("/documents/{id}/groups/{group_id}", put(share::share).delete(share::unshare))
        .route("/documents/categories", get(categories::list).post(categories::create))
        .route("/documents/categories/{id}", axum::routing::delete(categories::delete));
    answer::service(routes.with_state(documents))
}

impl Documents {
    /// The documents in this folder, which is made if it is not there, and freed of what a crash has left.
    ///
    /// # Errors
    /// When the folder cannot be used, or another process uses it.
    pub fn open(folder: &Path, settings: Settings<DocumentsSettings>) -> anyhow::Result<Self> {
        Ok(Self(Arc::new(Inner { store: Store::open(folder)?, settings })))
    }

    /// How large a document may be, in bytes.
    async fn limit(&self) -> u64 {
        let settings = self.0.settings.get().await.ok().flatten();
        settings.map_or(DEFAULT_MAX_MB, |settings| settings.max_pdf_mb).saturating_mul(MIB)
    }

    /// Changes a document of the caller's own; `change` says whether there was one.
    async fn change_own(
        &self,
        caller: Caller,
        id: Uuid,
        change: impl FnOnce(&Store, &Caller) -> io::Result<bool> + Send + 'static,
    ) -> Result<StatusCode> {
        let outcome = self.on_disk(move |store| {
            if change(store, &caller)? {
                return Ok(Ok(StatusCode::NO_CONTENT));
            }
            // Who sees it may know why not; to others it is not there.
            let is_shared = store.find(&caller, id)?.is_some();
            Ok(Err(if is_shared { Error::Forbidden("It is another's document") } else { Error::NotFound }))
        });
        outcome.await?
    }

    /// Does something with files, where waiting for a disk keeps nobody else waiting.
    async fn on_disk<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Store) -> io::Result<T> + Send + 'static,
    ) -> Result<T> {
        let inner = Arc::clone(&self.0);
        let outcome = tokio::task::spawn_blocking(move || work(&inner.store)).await;
        outcome.map_err(Error::internal)?.map_err(Error::internal)
    }
}
