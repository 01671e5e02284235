//! Who signs in, by e-mail and password.
//!
//! Unknown address, wrong password and inactive account are one answer, in the same time: a password is verified in each case.
//! The exception is an account whose hash came from an older system and was not replaced yet: that costs what it costs.

use frontdesk::password::{self, Verdict};
use frontdesk::time::compute;
use frontdesk::{Error, Result, email};

use crate::state::Auth;
use crate::store::{self, Begun};
use crate::visitor::Visitor;

const INVALID_CREDENTIALS: Error =
    Error::Unauthenticated("invalid_credentials", "The e-mail address or the password is wrong");

/// Begins a session.
///
/// # Errors
/// 401 `invalid_credentials`, 429 `rate_limited`.
pub(crate) async fn authenticate(auth: &Auth, email: &str, password: &str, visitor: Visitor) -> Result<Begun> {
    let db = auth.app().db();
    // What is no address is no account, and is counted by where it comes from.
    let email = email::parse(email).ok();
    let candidate = store::count_login(db, email.clone(), &visitor, auth.scale()).await?.decided()?;
    let stored = candidate.as_ref().map(|user| user.password_hash.as_str());
    let verdict = compute(|| password::verify(password, stored)).await;
    let id = candidate.as_ref().map(|user| user.id);
    let (Some(email), Some(candidate)) = (email, candidate.filter(|user| user.is_active && verdict != Verdict::Wrong))
    else {
        store::log_failed_login(db, visitor.client.actor(None), id).await?;
        return Err(INVALID_CREDENTIALS);
    };
    let new_hash = match verdict {
        Verdict::RightButOutdated => Some(compute(|| password::hash(password)).await.map_err(Error::internal)?),
        Verdict::Right | Verdict::Wrong => None,
    };
    let begun = store::start_session(db, candidate, email, new_hash, &visitor.client, auth.lifetimes()).await?;
    begun.ok_or(INVALID_CREDENTIALS)
}
