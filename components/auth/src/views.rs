//! JSON out.

use frontdesk::time::compute;
use frontdesk::token::Jwk;
use frontdesk::{Error, Result};
use serde::Serialize;
use utoipa::ToSchema;

use crate::state::Auth;
use crate::store::Begun;

/// A pair of tokens, as OAuth2 returns it (RFC 6749, section 5.1).
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Token)]
pub(crate) struct TokenView {
    /// The access token: a JWT, for the header `Authorization: Bearer`.
    access_token: String,
    /// Always `bearer`.
    #[schema(example = "bearer")]
    token_type: &'static str,
    /// The seconds until the access token expires.
    #[schema(example = 28_800)]
    expires_in: u64,
    /// The refresh token, for `POST /api/auth/refresh`.
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

/// A set of public keys (JWKS, RFC 7517).
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Jwks)]
pub(crate) struct JwksView {
    /// All keys that verify access tokens. One of them signs new tokens.
    pub(crate) keys: Vec<Jwk>,
}
