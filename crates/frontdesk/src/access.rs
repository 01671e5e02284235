//! Who is calling: the proofs that handlers take as their first parameter. Only this file can make one, so a route that asks
//! for [`Admin`] cannot be reached by anybody else, and a route that asks for nothing must say [`Public`].
//!
//! They are extractors of the request's head, so they refuse before a body is read.

use std::convert::Infallible;

use axum::extract::{FromRef, FromRequestParts};
use http::header::AUTHORIZATION;
use http::request::Parts;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::app::App;
use crate::audit::Actor;
use crate::client::Client;
use crate::cookies::{Cookies, Kind};
use crate::db::{Columns, DecodeError, FromRow, Parameter, Statement};
use crate::error::{Error, Result};
use crate::request::RequestLog;
use crate::token::{Claims, Rejection};
use crate::user::{Role, User};

/// Anybody may call this route.
#[derive(Debug)]
pub struct Public(());

impl<S: Sync> FromRequestParts<S> for Public {
    type Rejection = Infallible;

    async fn from_request_parts(_: &mut Parts, _: &S) -> std::result::Result<Self, Self::Rejection> {
        Ok(Self(()))
    }
}

/// Anybody may call this route, from no page of another site.
#[derive(Debug)]
pub struct Anonymous(());

impl<S> FromRequestParts<S> for Anonymous
where
    S: Sync,
    App: FromRef<S>,
{
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        App::from_ref(state).public_origins().check_anonymous(parts)?;
        Ok(Self(()))
    }
}

/// Somebody who is signed in: the token is genuine, and its session and its user are live at this moment.
#[derive(Debug)]
pub struct SignedIn {
    user: User,
    session_id: Uuid,
    client: Client,
}

impl SignedIn {
    /// Who it is.
    pub fn user(&self) -> &User {
        &self.user
    }

    /// Who it is, to keep.
    pub fn into_user(self) -> User {
        self.user
    }

    /// The session that the token belongs to.
    pub fn session_id(&self) -> Uuid {
        self.session_id
    }

    /// Where the request came from.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// For the audit log.
    pub fn actor(&self) -> Actor {
        self.client.actor(Some(self.user.id))
    }

    /// What a statement needs that changes something for them.
    pub fn authority(&self) -> Authority {
        Authority { actor: self.actor(), account_id: self.user.id, session_id: self.session_id }
    }
}

/// By what somebody changes something: parameters 1 to 4 of a statement that begins with [`authorised!`](crate::authorised!).
#[derive(Clone, Debug)]
pub struct Authority {
    actor: Actor,
    account_id: Uuid,
    session_id: Uuid,
}

impl Authority {
    /// Before the parameters that the statement has besides.
    pub fn with<const N: usize>(self, others: [Parameter; N]) -> Vec<Parameter> {
        let mut parameters = self.actor.with([self.session_id.into()]);
        parameters.extend(others);
        parameters
    }

    /// The same for a statement that writes no audit row: parameters 1 and 2 are the session and the account.
    pub fn unaudited(self) -> Vec<Parameter> {
        vec![self.session_id.into(), self.account_id.into()]
    }
}

/// The first part of a statement that makes a change: it locks the caller, and the other accounts that are to be changed (an SQL array
/// of ids), and fails with 401 or 403 unless the caller may make the change at this moment (API.md, section 3). Parameters 1 to 4 are an
/// [`Authority`](crate::access::Authority), or 1 and 2 where it is `unaudited`. Every part that locks or changes something asks `(select may from authorised)`, which Postgres
/// evaluates before it looks for a row.
#[macro_export]
macro_rules! authorised {
    (admin) => {
        $crate::authorised!(admin, "'{}'::uuid[]")
    };
    (admin, $others:literal) => {
        concat!("authorised (may) as materialized (select authorise($4::uuid, $1::uuid, true, ", $others, "))")
    };
    (signed_in, unaudited) => {
        "authorised (may) as materialized (select authorise($1::uuid, $2::uuid, false, '{}'::uuid[]))"
    };
    (signed_in) => {
        "authorised (may) as materialized (select authorise($4::uuid, $1::uuid, false, '{}'::uuid[]))"
    };
}

impl<S> FromRequestParts<S> for SignedIn
where
    S: Sync,
    App: FromRef<S>,
{
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        let (who, Nothing) = Self::with(parts, &App::from_ref(state), FIND_SIGNED_IN, []).await?;
        Ok(who)
    }
}

/// What somebody who is signed in asks for, read in the same round trip as who they are.
pub trait Asked: FromRow {
    /// Reads it, in the columns after `signed_in($1, $2)`, which is the first; without parameters of its own.
    const STATEMENT: Statement;
}

impl SignedIn {
    /// Who this is at a later moment, if the session is still live, and what the statement of [`SignedIn::with`] reads with that.
    ///
    /// # Errors
    /// 401 `session_ended`.
    pub async fn again<T: FromRow, const N: usize>(
        &self,
        app: &App,
        statement: Statement,
        more: [Parameter; N],
    ) -> Result<(User, T)> {
        let mut parameters = vec![self.session_id.into(), self.user.id.into()];
        parameters.extend(more);
        let Row(row) = app.db().one(statement, parameters).await?;
        row.ok_or(SESSION_ENDED)
    }
}

/// Somebody who is [`SignedIn`], and what they asked for.
#[derive(Debug)]
pub struct SignedInFor<T> {
    /// Who.
    pub who: SignedIn,
    /// What.
    pub found: T,
}

impl<S, T> FromRequestParts<S> for SignedInFor<T>
where
    S: Sync,
    App: FromRef<S>,
    T: Asked,
{
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        let (who, found) = SignedIn::with(parts, &App::from_ref(state), T::STATEMENT, []).await?;
        Ok(Self { who, found })
    }
}

/// Nothing besides.
struct Nothing;

impl FromRow for Nothing {
    fn from_row(_: &mut Columns<'_>) -> std::result::Result<Self, DecodeError> {
        Ok(Self)
    }
}

/// The user of a live session, if there is one, and what was read with that: for nobody, nothing.
struct Row<T>(Option<(User, T)>);

impl<T: FromRow> FromRow for Row<T> {
    fn from_row(columns: &mut Columns<'_>) -> std::result::Result<Self, DecodeError> {
        match columns.take()? {
            Some(user) => Ok(Self(Some((user, T::from_row(columns)?)))),
            None => {
                columns.leave();
                Ok(Self(None))
            }
        }
    }
}

/// 401 when the session has ended, or its account is locked or gone.
pub const SESSION_ENDED: Error = Error::SignedOut("session_ended", "The session has ended: please sign in again");

/// 403 when only administrators may do something.
pub(crate) const ADMIN_REQUIRED: Error = Error::Forbidden("admin_required", "Only administrators may do this");

impl SignedIn {
    /// Who is signed in, and what a statement reads with that in the same round trip. Its first column is `signed_in($1, $2)`, the
    /// others are those of `T`; its parameters from the third on are `more`. It yields one row, whoever asks.
    ///
    /// # Errors
    /// As the extractor: 401, 403 `csrf` and `password_change_required`.
    pub async fn with<T: FromRow, const N: usize>(
        parts: &mut Parts,
        app: &App,
        statement: Statement,
        more: [Parameter; N],
    ) -> Result<(Self, T)> {
        let (who, found) = Self::find(parts, app, statement, more).await?;
        if who.user.must_change_password {
            return Err(Error::Forbidden("password_change_required", "Please choose a password of your own first"));
        }
        Ok((who, found))
    }

    /// The same, though they may have to choose a password first.
    async fn find<T: FromRow, const N: usize>(
        parts: &mut Parts,
        app: &App,
        statement: Statement,
        more: [Parameter; N],
    ) -> Result<(Self, T)> {
        let credentials = Credentials::of(parts, app)?;
        let claims = credentials.claims(|token| app.verifier().verify(token))?;
        let log = parts.extensions.get::<RequestLog>().cloned();
        if let (Some(log), Some(cookies)) = (&log, credentials.cookies) {
            log.came_with(cookies);
        }
        let mut parameters = vec![claims.sid.into(), claims.sub.into()];
        parameters.extend(more);
        let Row(row) = app.db().one(statement, parameters).await?;
        let (user, found) = row.ok_or(SESSION_ENDED)?;
        if credentials.cookies.is_some() {
            app.public_origins().check(parts, app.trusted_proxies().called(parts).as_ref())?;
        }
        if let Some(log) = log {
            log.signed_in(user.id);
        }
        let client = Client::of(parts, app.trusted_proxies());
        Ok((Self { user, session_id: claims.sid, client }, found))
    }
}

/// Somebody who is signed in, though they may still have to choose a password of their own: for the few routes that they need for
/// that.
#[derive(Debug)]
pub struct AnySignedIn(SignedIn);

impl AnySignedIn {
    /// Who it is.
    pub fn into_signed_in(self) -> SignedIn {
        self.0
    }
}

impl<S> FromRequestParts<S> for AnySignedIn
where
    S: Sync,
    App: FromRef<S>,
{
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        let app = App::from_ref(state);
        let (who, Nothing) = SignedIn::find(parts, &app, FIND_SIGNED_IN, []).await?;
        Ok(Self(who))
    }
}

/// The session that a request is about to leave, as far as its access token tells: one whose time is over tells it too. Proves no more
/// than that the token was ours.
#[derive(Debug)]
pub struct Recognised {
    claims: Result<Claims>,
    has_header: bool,
}

impl Recognised {
    /// Returns the session that the token belongs to.
    ///
    /// # Errors
    /// 401 when there is no token, or it cannot be verified.
    pub fn session_id(self) -> Result<Uuid> {
        self.claims.map(|claims| claims.sid)
    }

    /// Whether a header brought the token, so that cookies do not count.
    pub fn has_header(&self) -> bool {
        self.has_header
    }
}

impl<S> FromRequestParts<S> for Recognised
where
    S: Sync,
    App: FromRef<S>,
{
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> std::result::Result<Self, Infallible> {
        let app = App::from_ref(state);
        let credentials = Credentials::of(parts, &app);
        let has_header = credentials.as_ref().is_ok_and(|credentials| credentials.cookies.is_none());
        let claims = credentials.and_then(|found| found.claims(|token| app.verifier().recognise(token)));
        Ok(Self { claims, has_header })
    }
}

/// Whether a page of ours sent this, for a route that acts on another cookie than the access token's.
#[derive(Debug)]
pub struct FromOurPage {
    checked: Result<()>,
    is_from_another_site: bool,
    log: Option<RequestLog>,
    cookies: Cookies,
}

impl FromOurPage {
    /// Whether another one did.
    pub fn is_foreign(&self) -> bool {
        self.checked.is_err()
    }

    /// Nothing, if it did.
    ///
    /// # Errors
    /// 403 `csrf`.
    pub fn check(self) -> Result<()> {
        self.checked
    }

    /// Whether a page of another site sent this, as far as the browser says; one without cookies too.
    pub fn is_from_another_site(&self) -> bool {
        self.is_from_another_site
    }

    /// Notes that the cookies of a session say who is calling: if the session has ended, the answer clears them.
    pub fn acts_by_cookie(&self) {
        if let Some(log) = &self.log {
            log.came_with(self.cookies);
        }
    }
}

impl<S> FromRequestParts<S> for FromOurPage
where
    S: Sync,
    App: FromRef<S>,
{
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> std::result::Result<Self, Self::Rejection> {
        let app = App::from_ref(state);
        let log = parts.extensions.get::<RequestLog>().cloned();
        let origins = app.public_origins();
        let is_from_another_site = origins.check_anonymous(parts).is_err();
        let checked = origins.check(parts, app.trusted_proxies().called(parts).as_ref());
        Ok(Self { checked, is_from_another_site, log, cookies: app.cookies() })
    }
}

/// The access tokens that a request brings: one in its header, which then is the one that counts, or those of its cookies.
struct Credentials {
    tokens: Vec<String>,
    /// How the cookies are called, if it is them.
    cookies: Option<Cookies>,
}

impl Credentials {
    /// A header of another scheme than Bearer is an outer proxy's, and is ignored if there is a cookie.
    fn of(parts: &Parts, app: &App) -> Result<Self> {
        if let Ok(token) = bearer(parts) {
            return Ok(Self { tokens: vec![token], cookies: None });
        }
        let tokens = app.cookies().sent(Kind::Access, &parts.headers);
        if tokens.is_empty() { Err(NOT_AUTHENTICATED) } else { Ok(Self { tokens, cookies: Some(app.cookies()) }) }
    }

    /// What the first genuine one says.
    fn claims(&self, verify: impl Fn(&str) -> std::result::Result<Claims, Rejection>) -> Result<Claims> {
        let mut refusal = Rejection::Invalid;
        for token in &self.tokens {
            match verify(token) {
                Ok(claims) => return Ok(claims),
                Err(Rejection::Expired) => refusal = Rejection::Expired,
                Err(Rejection::Invalid) => {}
            }
        }
        Err(match refusal {
            Rejection::Expired => Error::Unauthenticated("token_expired", "The access token has expired"),
            Rejection::Invalid => Error::Unauthenticated("invalid_token", "The access token is not valid"),
        })
    }
}

/// An administrator who is signed in.
#[derive(Debug)]
pub struct Admin(SignedIn);

impl Admin {
    /// Who it is.
    pub fn user(&self) -> &User {
        self.0.user()
    }

    /// The session that the token belongs to.
    pub fn session_id(&self) -> Uuid {
        self.0.session_id()
    }

    /// What a statement needs that changes something for them.
    pub fn authority(&self) -> Authority {
        self.0.authority()
    }
}

impl<S> FromRequestParts<S> for Admin
where
    S: Sync,
    App: FromRef<S>,
{
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        let who = SignedIn::from_request_parts(parts, state).await?;
        match who.user.role {
            Role::Admin => Ok(Self(who)),
            Role::User => Err(ADMIN_REQUIRED),
        }
    }
}

impl Admin {
    /// Asks once more, for what takes long.
    ///
    /// # Errors
    /// 401 `session_ended` and 403 `admin_required`.
    pub async fn still(&self, app: &App) -> Result<()> {
        let (user, Nothing) = self.0.again(app, FIND_SIGNED_IN, []).await?;
        match user.role {
            Role::Admin => Ok(()),
            Role::User => Err(Error::Forbidden("admin_required", "Only administrators may do this")),
        }
    }
}

/// The secret with which another program calls; only its hash is kept, so that comparing takes the same time for every guess.
#[derive(Clone)]
pub struct ProgramToken([u8; 32]);

impl ProgramToken {
    /// The shortest secret that is accepted, in characters: as many as 16 random bytes have in base64.
    const MIN_LENGTH: usize = 22;

    /// From a variable.
    ///
    /// # Errors
    /// When it could be guessed.
    pub fn parse(secret: &str) -> std::result::Result<Self, String> {
        if secret.len() < Self::MIN_LENGTH {
            return Err(format!("must have at least {} characters", Self::MIN_LENGTH));
        }
        Ok(Self(Sha256::digest(secret).into()))
    }
}

/// Another program of the operator's, which sends the [`ProgramToken`] of the component's state.
#[derive(Debug)]
pub struct Program(());

impl<S> FromRequestParts<S> for Program
where
    S: Sync,
    ProgramToken: FromRef<S>,
{
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        let ProgramToken(expected) = ProgramToken::from_ref(state);
        let given: [u8; 32] = Sha256::digest(bearer(parts)?.as_bytes()).into();
        if given == expected {
            Ok(Self(()))
        } else {
            Err(Error::Unauthenticated("invalid_token", "The token is not valid"))
        }
    }
}

const NOT_AUTHENTICATED: Error = Error::Unauthenticated("not_authenticated", "Please sign in");

/// Returns the token of the first `authorization` header whose scheme is Bearer.
fn bearer(parts: &Parts) -> Result<String> {
    // One with unreadable characters is a token too, though none of ours.
    let values = parts.headers.get_all(AUTHORIZATION).iter().map(|value| String::from_utf8_lossy(value.as_bytes()));
    let mut tokens = values.filter_map(|value| {
        let (scheme, token) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim().to_owned())
    });
    tokens.next().ok_or(NOT_AUTHENTICATED)
}

pub(crate) const FIND_SIGNED_IN: Statement = Statement::read("access.find_signed_in", "select signed_in($1, $2)");
