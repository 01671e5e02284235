//! What every component that serves signed-in people holds: the database, and what it takes to verify an access token.

use std::sync::Arc;

use crate::client::TrustedProxies;
use crate::cookies::Cookies;
use crate::csrf::PublicOrigins;
use crate::db::Db;
use crate::token::{Verifier, VerifyingKeys};
use crate::variables::{self, Load, Variables};

/// The shared part of a component's state; cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Inner>);

struct Inner {
    db: Db,
    verifier: Verifier,
    cookies: Cookies,
    public_origins: PublicOrigins,
    trusted_proxies: TrustedProxies,
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

    /// How the cookies of browsers are called.
    pub fn cookies(&self) -> Cookies {
        self.0.cookies
    }

    /// Whose pages may act for people.
    pub fn public_origins(&self) -> &PublicOrigins {
        &self.0.public_origins
    }

    /// Whose word on who is calling is taken.
    pub fn trusted_proxies(&self) -> &TrustedProxies {
        &self.0.trusted_proxies
    }
}

impl Load for App {
    async fn load(variables: &mut Variables) -> Option<Self> {
        let db = variables.required("database_url", Db::parse).await;
        let issuer = variables.required("issuer", variables::text).await;
        let audience = variables.required("audience", variables::text).await;
        let keys = variables.required("verifying_keys", VerifyingKeys::from_pem).await;
        let cookies = variables.required("cookie_secure", Cookies::parse).await;
        let public_origins = variables.optional("public_origins", PublicOrigins::parse).await.unwrap_or_default();
        let trusted_proxies = variables.optional("trusted_proxies", TrustedProxies::parse).await.unwrap_or_default();
        let verifier = Verifier::new(keys?, issuer?, audience?);
        let cookies = cookies?;
        Some(Self(Arc::new(Inner { db: db?, verifier, cookies, public_origins, trusted_proxies })))
    }
}
