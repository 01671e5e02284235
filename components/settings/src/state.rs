//! What the component holds beyond the shared part: the keys of secret settings, who may fetch them, and where the AI service is.

use std::sync::Arc;

use axum::extract::FromRef;
use frontdesk::access::ProgramToken;
use frontdesk::outbound::Origin;
use frontdesk::{App, Load, Variables};

use crate::base_url::Origins;
use crate::secret::{Key, Keys};

/// The component's state; cheap to clone.
#[derive(Clone)]
pub struct Settings(Arc<Inner>);

struct Inner {
    app: App,
    keys: Keys,
    service_token: ProgramToken,
    origins: Origins,
    upstream: Option<Origin>,
}

impl Settings {
    pub(crate) fn app(&self) -> &App {
        &self.0.app
    }

    pub(crate) fn keys(&self) -> &Keys {
        &self.0.keys
    }

    /// What `base_url` may begin with besides https.
    pub(crate) fn origins(&self) -> &Origins {
        &self.0.origins
    }

    /// The AI service, if the operator named one.
    pub(crate) fn upstream(&self) -> Option<&Origin> {
        self.0.upstream.as_ref()
    }
}

impl FromRef<Settings> for App {
    fn from_ref(settings: &Settings) -> Self {
        settings.app().clone()
    }
}

impl FromRef<Settings> for ProgramToken {
    fn from_ref(settings: &Settings) -> Self {
        settings.0.service_token.clone()
    }
}

impl Load for Settings {
    async fn load(variables: &mut Variables) -> Option<Self> {
        let app = App::load(variables).await;
        let key = variables.required("settings_key", Key::parse).await;
        let previous = variables.optional("settings_key_previous", Key::parse).await;
        let service_token = variables.required("service_token", ProgramToken::parse).await;
        let origins = variables.optional("ai_origins", Origins::parse).await;
        let upstream = variables.optional("ai_upstream", Origin::parse).await;
        let inner = Inner {
            app: app?,
            keys: Keys::new(key?, previous),
            service_token: service_token?,
            origins: origins.unwrap_or_default(),
            upstream,
        };
        Some(Self(Arc::new(inner)))
    }
}
