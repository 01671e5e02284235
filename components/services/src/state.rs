//! What the component holds beyond the shared part: which services there are, who may have them polled, and what
//! seals the audit log.

use std::sync::Arc;

use axum::extract::FromRef;
use frontdesk::access::ProgramToken;
use frontdesk::audit::SealKey;
use frontdesk::{App, Load, Variables};

use crate::mail::Transport;
use crate::registry::Registry;

/// The component's state; cheap to clone.
#[derive(Clone)]
pub struct Services(Arc<Inner>);

struct Inner {
    app: App,
    registry: Registry,
    tick_token: ProgramToken,
    audit_key: SealKey,
    mail_transport: Transport,
}

impl Services {
    pub(crate) fn app(&self) -> &App {
        &self.0.app
    }

    /// The services that are polled.
    pub(crate) fn registry(&self) -> &Registry {
        &self.0.registry
    }

    /// How mails are sent.
    pub(crate) fn mail_transport(&self) -> Transport {
        self.0.mail_transport
    }

    /// What seals the audit log.
    pub(crate) fn audit_key(&self) -> &SealKey {
        &self.0.audit_key
    }
}

impl FromRef<Services> for App {
    fn from_ref(services: &Services) -> Self {
        services.app().clone()
    }
}

impl FromRef<Services> for ProgramToken {
    fn from_ref(services: &Services) -> Self {
        services.0.tick_token.clone()
    }
}

impl Load for Services {
    async fn load(variables: &mut Variables) -> Option<Self> {
        let app = App::load(variables).await;
        let registry = variables.required("registry", Registry::parse).await;
        let tick_token = variables.required("tick_token", ProgramToken::parse).await;
        let audit_key = variables.required("audit_key", SealKey::parse).await;
        let mail_transport = variables.required("mail_transport", Transport::parse).await;
        let inner = Inner {
            app: app?,
            registry: registry?,
            tick_token: tick_token?,
            audit_key: audit_key?,
            mail_transport: mail_transport?,
        };
        Some(Self(Arc::new(inner)))
    }
}
