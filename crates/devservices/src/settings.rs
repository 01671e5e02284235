//! What administrators set, as Frontdesk tells its services: `GET /internal/settings/NAME`.

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use bytes::Bytes;
use http::header::{AUTHORIZATION, ETAG, IF_NONE_MATCH};
use http::{HeaderValue, Request, StatusCode, Uri};
use http_body_util::Full;
use serde::de::DeserializeOwned;
use tokio::sync::Mutex;

use crate::client::Client;
use crate::console;

/// How long Frontdesk may take. The rest of the time of a call that waits for it is left to that call.
const TIMEOUT: Duration = Duration::from_secs(3);

/// Where Frontdesk is, and the token that it knows its services by.
#[derive(Clone)]
pub struct Frontdesk {
    client: Client,
    origin: String,
    authorization: HeaderValue,
}

impl Frontdesk {
    /// Frontdesk at this URL.
    ///
    /// # Errors
    /// When the URL is not of the form `http://HOST:PORT`, or the token cannot be sent.
    pub fn new(client: Client, url: &str, token: &str) -> anyhow::Result<Self> {
        let uri: Uri = url.parse().context("the URL of Frontdesk is malformed")?;
        let is_origin = uri.authority().is_some() && uri.path() == "/" && uri.query().is_none();
        if !is_origin || !matches!(uri.scheme_str(), Some("http" | "https")) {
            bail!("the URL of Frontdesk must be of the form http://HOST:PORT");
        }
        if token.is_empty() {
            bail!("Frontdesk tells its settings to those who know the service token: set SERVICE_TOKEN");
        }
        // The cause would show the token.
        let Ok(mut authorization) = HeaderValue::from_str(&format!("Bearer {token}")) else {
            bail!("SERVICE_TOKEN has characters that no token has");
        };
        authorization.set_sensitive(true);
        Ok(Self { client, origin: url.trim_end_matches('/').to_owned(), authorization })
    }
}

/// Settings of one kind, kept for a while.
pub struct Settings<T> {
    source: Option<(Frontdesk, &'static str)>,
    keep: Duration,
    /// Held while Frontdesk is asked, so that one request asks for all that wait.
    known: Mutex<Known<T>>,
}

struct Known<T> {
    asked_at: Option<Instant>,
    etag: Option<HeaderValue>,
    value: Option<T>,
    is_failing: bool,
}

/// Frontdesk is there to be asked, and has not told anything yet.
#[derive(Debug)]
pub(crate) struct Unknown;

impl<T: Clone + DeserializeOwned> Settings<T> {
    /// Those of this name, asked for again when they are this old; none without Frontdesk.
    pub fn new(frontdesk: Option<Frontdesk>, name: &'static str, keep: Duration) -> Self {
        let known = Known { asked_at: None, etag: None, value: None, is_failing: false };
        Self { source: frontdesk.map(|frontdesk| (frontdesk, name)), keep, known: Mutex::new(known) }
    }

    /// The settings, or those of before while Frontdesk does not answer; `None` when there is no Frontdesk.
    pub(crate) async fn get(&self) -> Result<Option<T>, Unknown> {
        let Some((frontdesk, name)) = &self.source else { return Ok(None) };
        let mut known = self.known.lock().await;
        if known.asked_at.is_none_or(|asked_at| asked_at.elapsed() >= self.keep) {
            let outcome = known.ask(frontdesk, name).await;
            if let (Err(failure), false) = (&outcome, known.is_failing) {
                console::note(&format!("Warning: the settings for {name} are not known: Frontdesk {failure}"));
            }
            known.is_failing = outcome.is_err();
            known.asked_at = Some(Instant::now());
        }
        known.value.clone().map(Some).ok_or(Unknown)
    }
}

impl<T: DeserializeOwned> Known<T> {
    async fn ask(&mut self, frontdesk: &Frontdesk, name: &str) -> Result<(), String> {
        let mut request = Request::get(format!("{}/internal/settings/{name}", frontdesk.origin))
            .header(AUTHORIZATION, &frontdesk.authorization)
            .body(Full::<Bytes>::default())
            .map_err(|_| "has an address that cannot be asked")?;
        if let Some(etag) = &self.etag {
            request.headers_mut().insert(IF_NONE_MATCH, etag.clone());
        }
        let answer = frontdesk.client.send(request, TIMEOUT).await.map_err(|failure| failure.to_string())?;
        match answer.status() {
            StatusCode::NOT_MODIFIED if self.value.is_some() => Ok(()),
            StatusCode::OK => {
                let value = serde_json::from_slice(answer.body()).map_err(|_| "tells what is not understood here")?;
                self.value = Some(value);
                self.etag = answer.headers().get(ETAG).cloned();
                Ok(())
            }
            status => Err(format!("answered with status {}", status.as_u16())),
        }
    }
}
