//! JSON out.

use frontdesk::token::{self, Jwk};
use serde::Serialize;
use utoipa::ToSchema;

/// What a sign-in yields (RFC 6749, 5.1).
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Token)]
pub(crate) struct TokenView {
    /// A JWT, for `Authorization: Bearer`.
    access_token: String,
    /// Always `bearer`.
    #[schema(example = "bearer")]
    token_type: &'static str,
    /// Seconds for which the access token is good.
    #[schema(example = 28_800)]
    expires_in: u64,
    /// Good for a new access token.
    refresh_token: String,
}

impl TokenView {
    pub(crate) fn new(access_token: String, refresh_token: String) -> Self {
        Self { access_token, token_type: "bearer", expires_in: token::LIFETIME.as_secs(), refresh_token }
    }
}

/// The keys that verify access tokens (RFC 7517).
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Jwks)]
pub(crate) struct JwksView {
    /// One of them signs; the others are of earlier times.
    pub(crate) keys: Vec<Jwk>,
}
