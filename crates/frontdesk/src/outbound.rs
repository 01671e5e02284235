//! Requests to other services: where these are, and how long the host lets them take.

use std::time::Duration;

use http::Uri;
use http::uri::{Authority, Scheme};
use spin_sdk::wasip3::http::types::RequestOptions;
use spin_sdk::wasip3::http_compat::RequestOptionsExtension;

use crate::error::{Error, Result};

/// Where a service is: scheme, host and port.
#[derive(Clone, Debug)]
pub struct Origin {
    scheme: Scheme,
    authority: Authority,
}

impl Origin {
    /// From a variable.
    ///
    /// # Errors
    /// When it is not of the form `http://HOST:PORT` or `https://HOST:PORT`.
    pub fn parse(text: &str) -> std::result::Result<Self, String> {
        let uri: Uri = text.parse().map_err(|_| "is not a URL")?;
        if !matches!(uri.path_and_query().map(|rest| rest.as_str()), None | Some("/")) {
            return Err("is more than http://HOST:PORT".to_owned());
        }
        match (uri.scheme(), uri.authority()) {
            (Some(_), Some(authority)) if authority.as_str().contains('@') => {
                Err("holds a user name, which is not sent".to_owned())
            }
            (Some(scheme), Some(authority)) if *scheme == Scheme::HTTP || *scheme == Scheme::HTTPS => {
                Ok(Self { scheme: scheme.clone(), authority: authority.clone() })
            }
            _ => Err("is not of the form http://HOST:PORT".to_owned()),
        }
    }

    /// Whether it is reached over TLS.
    pub fn is_tls(&self) -> bool {
        self.scheme == Scheme::HTTPS
    }

    /// A URL there.
    ///
    /// # Errors
    /// When that is no path and query.
    pub fn url(&self, path_and_query: &str) -> std::result::Result<Uri, http::Error> {
        Uri::builder()
            .scheme(self.scheme.clone())
            .authority(self.authority.clone())
            .path_and_query(path_and_query)
            .build()
    }
}

/// The host's limits for a request, to be put among its extensions; those that are not set are ten minutes each. `silence` is until
/// the head of the answer, from the connection on and with the upload, and between two of its bytes.
///
/// # Errors
/// When the host takes none.
pub fn limits(connect: Duration, silence: Duration) -> Result<RequestOptionsExtension> {
    let nanoseconds = |duration: Duration| u64::try_from(duration.as_nanos()).ok();
    let options = RequestOptions::new();
    options
        .set_connect_timeout(nanoseconds(connect))
        .and_then(|()| options.set_first_byte_timeout(nanoseconds(silence)))
        .and_then(|()| options.set_between_bytes_timeout(nanoseconds(silence)))
        .map_err(|_| Error::internal("the host takes no time limits"))?;
    Ok(RequestOptionsExtension(options))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_bare() {
        let origin = Origin::parse("http://127.0.0.1:8000").unwrap();
        assert_eq!(origin.url("/a?b=c").unwrap(), "http://127.0.0.1:8000/a?b=c");
        assert!(Origin::parse("https://ai.internal/").is_ok());
        for text in ["", "ai:8000", "http://ai/path", "http://ai?query", "ftp://ai", "http://ada@ai", "http://ada:x@ai"]
        {
            assert!(Origin::parse(text).is_err(), "{text} passed");
        }
    }
}
