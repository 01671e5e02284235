//! The AI service: it passes conversations to the provider that administrators chose, and says so when there is none.

mod anthropic;
mod chat;
mod ollama;
mod openai;
mod provider;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::post;

pub use self::provider::AiSettings;
use crate::client::Client;
use crate::settings::Settings;
use crate::{Error, Result, answer};

/// How long an answer may take, the settings included. Frontdesk's own try of this service waits 10 s.
pub const TIMEOUT: Duration = Duration::from_secs(8);

/// The service's state; cheap to clone.
#[derive(Clone)]
struct Ai(Arc<Inner>);

struct Inner {
    client: Client,
    settings: Settings<AiSettings>,
    timeout: Duration,
}

/// The service, with so much time for each answer.
pub fn router(client: Client, settings: Settings<AiSettings>, timeout: Duration) -> Router {
    let ai = Ai(Arc::new(Inner { client, settings, timeout }));
    answer::service(Router::new().route("/chat", post(chat::chat)).with_state(ai))
}

impl Ai {
    /// The provider to call, if one is configured.
    async fn configured(&self) -> Result<Option<AiSettings>> {
        let settings = self.0.settings.get().await.map_err(|_| Error::NoSettings)?;
        Ok(settings.filter(AiSettings::is_configured))
    }
}
