//! The proof that somebody may use the app that is behind.

use axum::extract::FromRequestParts;
use frontdesk::access::SignedIn;
use frontdesk::{Error, Result};
use http::request::Parts;

use crate::state::Proxy;
use crate::store::{FIND_TERMS, Terms};

const NOT_GRANTED: Error = Error::Forbidden("app_not_granted", "You may not use this app: ask an administrator");

/// Somebody who is signed in and may use the app at this moment; all of it is read in one round trip.
pub(crate) struct MayUse {
    pub(crate) who: SignedIn,
    pub(crate) terms: Terms,
}

impl FromRequestParts<Proxy> for MayUse {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, proxy: &Proxy) -> Result<Self> {
        let app_key = proxy.app_key().as_str().to_owned();
        let (who, terms): (_, Terms) = SignedIn::with(parts, proxy.app(), FIND_TERMS, [app_key.into()]).await?;
        if terms.may_use { Ok(Self { who, terms }) } else { Err(NOT_GRANTED) }
    }
}

/// Asks once more whether they may, at a later moment.
///
/// # Errors
/// 401 `session_ended` and 403 `app_not_granted`.
pub(crate) async fn again(who: &SignedIn, proxy: &Proxy) -> Result<()> {
    let app_key = proxy.app_key().as_str().to_owned();
    let (_, terms): (_, Terms) = who.again(proxy.app(), FIND_TERMS, [app_key.into()]).await?;
    if terms.may_use { Ok(()) } else { Err(NOT_GRANTED) }
}
