//! Asks all services at once how they are.

use std::time::{Duration, Instant};

use frontdesk::Result;
use frontdesk::outbound::limits;
use futures::future::{Either, join_all, select};
use http::header::USER_AGENT;
use http::{HeaderValue, Request, StatusCode};
use spin_sdk::http::EmptyBody;
use spin_sdk::wasip3::http::types::ErrorCode;

use crate::registry::Service;
use crate::state::Services;
use crate::store::{self, Measurement, Reading};

/// How long a service has for its answer.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Polls, unless somebody else is at it or was just now: then there is `None`.
///
/// The database session is kept meanwhile: it is one, for five seconds at most.
pub(crate) async fn take_turn(services: &Services) -> Result<Option<Vec<Reading>>> {
    let (db, registry) = (services.app().db(), services.registry());
    if !store::claim_turn(db, registry.keys()).await? {
        return Ok(None);
    }
    let measurements = join_all(registry.services().iter().map(measure)).await;
    let measurements = measurements.into_iter().collect::<Result<Vec<_>>>()?;
    Ok(Some(store::store_measurements(db, measurements).await?))
}

async fn measure(service: &Service) -> Result<Measurement> {
    let mut request = Request::new(EmptyBody::new());
    *request.uri_mut() = service.url.clone();
    request.headers_mut().insert(USER_AGENT, HeaderValue::from_static("frontdesk"));
    request.extensions_mut().insert(limits(TIMEOUT, TIMEOUT)?);
    let began = Instant::now();
    // The host's limits begin one after the other; this one is for all of it. Redirects are not followed, and the body, which
    // may be long or without an end, is not read.
    let sending = std::pin::pin!(spin_sdk::http::send(request));
    let (latency_ms, error) = match select(sending, std::pin::pin!(spin_sdk::time::sleep(TIMEOUT))).await {
        Either::Left((Ok(response), _)) => {
            (i32::try_from(began.elapsed().as_millis()).ok(), unhealthy(response.status()))
        }
        Either::Left((Err(error), _)) => (None, Some(reason(&error).to_owned())),
        Either::Right(_) => (None, Some("timeout".to_owned())),
    };
    Ok(Measurement { key: service.key.clone(), latency_ms, error })
}

fn unhealthy(status: StatusCode) -> Option<String> {
    (!status.is_success()).then(|| format!("status {}", status.as_u16()))
}

/// A few words without an address: everybody who is signed in reads them.
fn reason(error: &ErrorCode) -> &'static str {
    match error {
        ErrorCode::ConnectionRefused => "refused",
        ErrorCode::ConnectionTimeout
        | ErrorCode::ConnectionReadTimeout
        | ErrorCode::ConnectionWriteTimeout
        | ErrorCode::HttpResponseTimeout => "timeout",
        ErrorCode::DnsTimeout | ErrorCode::DnsError(_) | ErrorCode::DestinationNotFound => "unknown host",
        ErrorCode::TlsProtocolError | ErrorCode::TlsCertificateError | ErrorCode::TlsAlertReceived(_) => "tls failure",
        ErrorCode::HttpRequestDenied | ErrorCode::DestinationIpProhibited => "not in allowed_outbound_hosts",
        ErrorCode::ConnectionTerminated | ErrorCode::HttpResponseIncomplete | ErrorCode::HttpProtocolError => {
            "broken off"
        }
        _ => "unreachable",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_2xx_is_healthy_and_nothing_else_is() {
        for (status, error) in [(200, None), (204, None), (302, Some("status 302")), (503, Some("status 503"))] {
            assert_eq!(unhealthy(StatusCode::from_u16(status).unwrap()).as_deref(), error);
        }
    }

    #[test]
    fn a_reason_tells_nothing_of_the_network() {
        let error = ErrorCode::InternalError(Some("tcp connect to 10.0.0.7:80".to_owned()));
        assert_eq!(reason(&error), "unreachable");
    }
}
