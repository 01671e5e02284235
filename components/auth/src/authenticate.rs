//! Who signs in, by e-mail and password.
//!
//! Unknown address, wrong password and inactive account are one answer, in the same time: a password is verified in each case.
//! The exception is an account whose hash came from an older system and was not replaced yet: that costs what it costs.

use frontdesk::password::{self, Verdict};
use frontdesk::time::compute;
use frontdesk::{Client, Error, Result, email};

use crate::state::Auth;
use crate::store::{self, Begun};

const INVALID_CREDENTIALS: Error =
    Error::Unauthenticated("invalid_credentials", "The e-mail address or the password is wrong");

/// Begins a session.
///
/// # Errors
/// 401 `invalid_credentials`.
pub(crate) async fn authenticate(auth: &Auth, email: &str, password: &str, client: Client) -> Result<Begun> {
    let db = auth.app().db();
    let candidate = match email::parse(email) {
        Ok(email) => store::find_candidate(db, email).await?,
        Err(_) => None,
    };
    let stored = candidate.as_ref().map(|user| user.password_hash.as_str());
    let verdict = compute(|| password::verify(password, stored)).await;
    let candidate = candidate.filter(|user| user.is_active && verdict != Verdict::Wrong).ok_or(INVALID_CREDENTIALS)?;
    let new_hash = match verdict {
        Verdict::RightButOutdated => Some(compute(|| password::hash(password)).await.map_err(Error::internal)?),
        Verdict::Right | Verdict::Wrong => None,
    };
    let lifetimes = auth.lifetimes();
    store::start_session(db, candidate, new_hash, client, lifetimes).await?.ok_or(INVALID_CREDENTIALS)
}
