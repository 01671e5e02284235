//! JSON out.

use serde::Serialize;
use utoipa::ToSchema;

use crate::registry::Service;
use crate::store::{Reading, Status};

/// The health of a service:
///
/// - `healthy`: its last response was a 2xx.
/// - `unhealthy`: its last response was another status, or there was none.
/// - `unknown`: it was not checked yet.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = ServiceStatus)]
pub(crate) enum StatusView {
    /// Its last answer was a 2xx.
    Healthy,
    /// It answered otherwise, or not at all.
    Unhealthy,
    /// Nobody has asked it yet.
    Unknown,
}

/// A service behind Frontdesk and its health.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Service)]
pub(crate) struct ServiceView {
    /// The key of the service.
    #[schema(example = "documents")]
    key: String,
    /// The name that users see.
    #[schema(example = "Documents")]
    name: String,
    /// The health at the last check.
    status: StatusView,
    /// The time until the response began, in milliseconds. `null`: there was no response.
    latency_ms: Option<i32>,
    /// When the service was last checked. `null`: never.
    #[schema(format = DateTime)]
    checked_at: Option<String>,
    /// When the service was last found healthy. `null`: never.
    #[schema(format = DateTime)]
    last_healthy_at: Option<String>,
    /// Why the service is unhealthy, for people. `null`: it is not.
    #[schema(example = "timeout")]
    error: Option<String>,
}

impl ServiceView {
    pub(crate) fn new(service: &Service, reading: Option<&Reading>) -> Self {
        Self {
            key: service.key.clone(),
            name: service.name.clone(),
            status: match reading.map(|reading| reading.status) {
                Some(Status::Healthy) => StatusView::Healthy,
                Some(Status::Unhealthy) => StatusView::Unhealthy,
                Some(Status::Unknown) | None => StatusView::Unknown,
            },
            latency_ms: reading.and_then(|reading| reading.latency_ms),
            checked_at: reading.and_then(|reading| reading.checked_at.clone()),
            last_healthy_at: reading.and_then(|reading| reading.last_healthy_at.clone()),
            error: reading.and_then(|reading| reading.error.clone()),
        }
    }
}
