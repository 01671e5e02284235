//! JSON out.

use frontdesk::time::compute;
use frontdesk::token::Jwk;
use frontdesk::{Error, Result};
use serde::Serialize;
use utoipa::ToSchema;

use crate::state::Auth;
use crate::store::Begun;

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
    pub(crate) async fn new(auth: &Auth, begun: &Begun) -> Result<Self> {
        Ok(Self {
            access_token: access_token(auth, begun).await?,
            token_type: "bearer",
            expires_in: auth.signer().lifetime().as_secs(),
            refresh_token: auth.refresh_token_key().token(begun.session_id, begun.refresh_counter),
        })
    }
}

/// A new access token of a session.
pub(crate) async fn access_token(auth: &Auth, begun: &Begun) -> Result<String> {
    let sign = || auth.signer().sign(begun.user.id, begun.session_id, begun.user.role);
    compute(sign).await.map_err(Error::internal)
}

/// The keys that verify access tokens (RFC 7517).
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Jwks)]
pub(crate) struct JwksView {
    /// One of them signs; the others are of earlier times.
    pub(crate) keys: Vec<Jwk>,
}
