//! What the component holds beyond the shared part: the keys that only it may see, and whether sign-up is open.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::FromRef;
use frontdesk::token::{Signer, SigningKey};
use frontdesk::{App, Load, Variables};

use crate::limits::Scale;
use crate::refresh_token::RefreshTokenKey;

/// The component's state; cheap to clone.
#[derive(Clone)]
pub struct Auth(Arc<Inner>);

struct Inner {
    app: App,
    signer: Signer,
    refresh_token_key: RefreshTokenKey,
    lifetimes: Lifetimes,
    max_sessions: i32,
    registration: Registration,
    scale: Scale,
    reset_url: Option<String>,
}

/// How long a session lasts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lifetimes {
    /// At most.
    pub(crate) refresh: Duration,
    /// Unless its refresh token is used.
    pub(crate) refresh_idle: Duration,
}

/// From the variable `max_sessions`.
///
/// # Errors
/// When it is no number of sessions, or more than make sense.
pub fn max_sessions(value: &str) -> Result<i32, String> {
    match value.parse() {
        Ok(sessions @ 1..=10_000) => Ok(sessions),
        _ => Err("is not a number from 1 to 10000".to_owned()),
    }
}

/// Who may make an account.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Registration {
    /// Anybody.
    Open,
    /// Nobody: administrators make the accounts.
    Closed,
}

impl Registration {
    fn parse(value: &str) -> Result<Self, String> {
        match value {
            "open" => Ok(Self::Open),
            "closed" => Ok(Self::Closed),
            _ => Err("is neither open nor closed".to_owned()),
        }
    }
}

impl Auth {
    pub(crate) fn app(&self) -> &App {
        &self.0.app
    }

    pub(crate) fn signer(&self) -> &Signer {
        &self.0.signer
    }

    pub(crate) fn refresh_token_key(&self) -> &RefreshTokenKey {
        &self.0.refresh_token_key
    }

    pub(crate) fn lifetimes(&self) -> Lifetimes {
        self.0.lifetimes
    }

    /// How many live sessions an account may have.
    pub(crate) fn max_sessions(&self) -> i32 {
        self.0.max_sessions
    }

    /// What every limit on tries is multiplied by.
    pub(crate) fn scale(&self) -> Scale {
        self.0.scale
    }

    /// The page on which people choose a new password.
    pub(crate) fn reset_url(&self) -> Option<&str> {
        self.0.reset_url.as_deref()
    }

    pub(crate) fn registration(&self) -> Registration {
        self.0.registration
    }
}

impl FromRef<Auth> for App {
    fn from_ref(auth: &Auth) -> Self {
        auth.app().clone()
    }
}

impl Load for Auth {
    async fn load(variables: &mut Variables) -> Option<Self> {
        let app = App::load(variables).await;
        let key = variables.required("signing_key", SigningKey::from_pem).await;
        let refresh_token_key = variables.required("refresh_token_key", RefreshTokenKey::parse).await;
        let registration = variables.required("registration", Registration::parse).await;
        let access = variables.required("access_lifetime", lifetime).await;
        let refresh = variables.required("refresh_lifetime", lifetime).await;
        let refresh_idle = variables.required("refresh_idle_lifetime", lifetime).await;
        let max_sessions = variables.required("max_sessions", max_sessions).await;
        let scale = variables.required("rate_limit_scale", Scale::parse).await;
        let reset_url = variables.optional("password_reset_url", reset_url).await;
        let (app, key) = (app?, key?);
        if !app.verifier().keys().contains(key.kid()) {
            variables.problem("signing_key", "its public key is not among verifying_keys");
            return None;
        }
        let signer = app.verifier().signer(key, access?);
        let inner = Inner {
            app,
            signer,
            refresh_token_key: refresh_token_key?,
            lifetimes: Lifetimes { refresh: refresh?, refresh_idle: refresh_idle? },
            max_sessions: max_sessions?,
            registration: registration?,
            scale: scale?,
            reset_url,
        };
        Some(Self(Arc::new(inner)))
    }
}

/// From a variable: seconds.
///
/// # Errors
/// When it is no number of them, or more than make sense.
pub fn lifetime(value: &str) -> Result<Duration, String> {
    match value.parse() {
        Ok(seconds @ 1..=315_360_000) => Ok(Duration::from_secs(seconds)),
        _ => Err("is not a number of seconds from 1 to 315360000, which are ten years".to_owned()),
    }
}

/// From a variable: the page on which people choose a new password.
///
/// # Errors
/// When no token could be put behind it.
pub fn reset_url(value: &str) -> Result<String, String> {
    let is_url = value.starts_with("https://") || value.starts_with("http://");
    if is_url && !value.contains(['#', ' ']) {
        Ok(value.to_owned())
    } else {
        Err("is not a URL without a fragment".to_owned())
    }
}
