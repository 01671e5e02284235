//! What every component that serves signed-in people holds: the database, and what it takes to verify an access token.

use std::sync::Arc;

use crate::db::Db;
use crate::token::{Verifier, VerifyingKeys};
use crate::variables::{self, Load, Variables};

/// The shared part of a component's state; cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Inner>);

struct Inner {
    db: Db,
    verifier: Verifier,
}

impl App {
    /// The database.
    pub fn db(&self) -> &Db {
        &self.0.db
    }

    /// What verifies access tokens.
    pub fn verifier(&self) -> &Verifier {
        &self.0.verifier
    }
}

impl Load for App {
    async fn load(variables: &mut Variables) -> Option<Self> {
        let db = variables.required("database_url", Db::parse).await;
        let issuer = variables.required("issuer", variables::text).await;
        let audience = variables.required("audience", variables::text).await;
        let keys = variables.required("verifying_keys", VerifyingKeys::from_pem).await;
        let verifier = Verifier::new(keys?, issuer?, audience?);
        Some(Self(Arc::new(Inner { db: db?, verifier })))
    }
}
