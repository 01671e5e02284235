//! Who is calling: the proofs that handlers take as their first parameter. Only this file can make one, so a route that asks
//! for [`Admin`] cannot be reached by anybody else, and a route that asks for nothing must say [`Public`].
//!
//! They are extractors of the request's head, so they refuse before a body is read.

use axum::extract::{FromRef, FromRequestParts};
use http::header::AUTHORIZATION;
use http::request::Parts;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::app::App;
use crate::db::{Db, Statement};
use crate::error::{Error, Result};
use crate::request::RequestLog;
use crate::token::{Claims, Rejection};
use crate::user::{Role, User};
use crate::user_columns;

/// Anybody may call this route.
#[derive(Debug)]
pub struct Public(());

impl<S: Sync> FromRequestParts<S> for Public {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(_: &mut Parts, _: &S) -> std::result::Result<Self, Self::Rejection> {
        Ok(Self(()))
    }
}

/// Somebody who is signed in: the token is genuine, and its session and its user are live at this moment.
#[derive(Debug)]
pub struct SignedIn {
    user: User,
    session_id: Uuid,
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
}

impl<S> FromRequestParts<S> for SignedIn
where
    S: Sync,
    App: FromRef<S>,
{
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        let app = App::from_ref(state);
        let claims = app.verifier().verify(bearer(parts)?).map_err(|rejection| match rejection {
            Rejection::Expired => Error::Unauthenticated("token_expired", "The access token has expired"),
            Rejection::Invalid => Error::Unauthenticated("invalid_token", "The access token is not valid"),
        })?;
        let user = find_live_session(app.db(), &claims)
            .await?
            .ok_or(Error::Unauthenticated("session_ended", "The session has ended: please sign in again"))?;
        if let Some(log) = parts.extensions.get::<RequestLog>() {
            log.signed_in(user.id);
        }
        Ok(Self { user, session_id: claims.sid })
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
        let given: [u8; 32] = Sha256::digest(bearer(parts)?).into();
        if given == expected {
            Ok(Self(()))
        } else {
            Err(Error::Unauthenticated("invalid_token", "The token is not valid"))
        }
    }
}

fn bearer(parts: &Parts) -> Result<&str> {
    const MISSING: Error = Error::Unauthenticated("not_authenticated", "Please sign in");
    let value = parts.headers.get(AUTHORIZATION).ok_or(MISSING)?.to_str().map_err(|_| MISSING)?;
    let (scheme, token) = value.split_once(' ').ok_or(MISSING)?;
    if scheme.eq_ignore_ascii_case("bearer") { Ok(token.trim()) } else { Err(MISSING) }
}

pub(crate) const FIND_LIVE_SESSION: Statement = Statement::read(
    "access.find_live_session",
    concat!(
        "select ",
        user_columns!(),
        " from sessions s join users u on u.id = s.user_id
         where s.id = $1 and s.user_id = $2 and s.expires_at > now() and u.is_active
             and s.created_at > coalesce(u.sessions_ended_at, '-infinity')"
    ),
);

async fn find_live_session(db: &Db, claims: &Claims) -> Result<Option<User>> {
    Ok(db.optional(FIND_LIVE_SESSION, vec![claims.sid.into(), claims.sub.into()]).await?)
}
