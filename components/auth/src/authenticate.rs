//! Who signs in, by e-mail and password.
//!
//! Unknown address, wrong password and inactive account are one answer, in the same time: a password is verified in each case.
//! The exception is an account whose hash came from an older system and was not replaced yet: that costs what it costs.

use frontdesk::db::Db;
use frontdesk::password::{self, Verdict};
use frontdesk::time::compute;
use frontdesk::{Client, Error, Result, email, log};
use uuid::Uuid;

use crate::state::Auth;
use crate::store::{self, Begun, Try};
use crate::visitor::Visitor;

const INVALID_CREDENTIALS: Error =
    Error::Unauthenticated("invalid_credentials", "The e-mail address or the password is wrong");

/// A browser that a session is begun in.
pub(crate) struct Browser {
    /// Its id, by which it is recognised from then on.
    pub(crate) device: Uuid,
    /// The sessions that it had.
    pub(crate) sessions: Vec<Uuid>,
}

/// Says so, once a day, if sign-ins come through a proxy that is not trusted: everybody behind it shares one limit.
async fn notice_proxy(db: &Db, client: &Client) -> Result<()> {
    if let Some(ip) = client.untrusted_proxy()
        && store::insert_untrusted_proxy(db, ip.clone()).await?
    {
        log::warning(
            "auth",
            &format!(
                "{ip} sends x-forwarded-for and is no trusted proxy: all who come through it count as one client (trusted_proxies)"
            ),
        );
    }
    Ok(())
}

/// Begins a session.
///
/// # Errors
/// 401 `invalid_credentials`, 429 `rate_limited`.
pub(crate) async fn authenticate(
    auth: &Auth,
    (email, password): (&str, &str),
    visitor: &Visitor,
    browser: Option<&Browser>,
) -> Result<Begun> {
    let db = auth.app().db();
    notice_proxy(db, &visitor.client).await?;
    // What is no address is no account, and is counted by where it comes from.
    let email = email::parse(email).ok();
    let mut candidate = store::count_login(db, email.clone(), visitor, Try::SignIn, auth.scale()).await?.decided()?;
    let id = candidate.as_ref().map(|account| account.id);
    // Once more when the account has changed in between: of two who sign in at once with an outdated hash one replaces it.
    for _ in 0..2 {
        let stored = candidate.as_ref().map(|account| account.password_hash.as_str());
        let verdict = compute(|| password::verify(password, stored)).await;
        let Some(account) = candidate.filter(|account| account.may_sign_in && verdict != Verdict::Wrong) else { break };
        let new_hash = match verdict {
            Verdict::RightButOutdated => Some(compute(|| password::hash(password)).await.map_err(Error::internal)?),
            Verdict::Right | Verdict::Wrong => None,
        };
        if let Some(begun) = store::start_session(auth, &account, new_hash, &visitor.client, browser).await? {
            return Ok(begun);
        }
        candidate = store::refetch(db, account).await?;
    }
    store::log_failed_login(db, visitor.client.actor(None), id, email).await?;
    Err(INVALID_CREDENTIALS)
}
