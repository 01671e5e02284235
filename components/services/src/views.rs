//! JSON out.

use serde::Serialize;
use utoipa::ToSchema;

use crate::registry::Service;
use crate::store::{Reading, Status};

/// How a service is.
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

/// A service, and what it said last.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Service)]
pub(crate) struct ServiceView {
    /// What it is called in the configuration.
    #[schema(example = "documents")]
    key: String,
    /// What people call it.
    #[schema(example = "Documents")]
    name: String,
    /// How it is.
    status: StatusView,
    /// How long its answer took, in milliseconds, if there was one.
    latency_ms: Option<i32>,
    /// When it was asked last.
    #[schema(format = DateTime)]
    checked_at: Option<String>,
    /// When it was found healthy last.
    #[schema(format = DateTime)]
    last_healthy_at: Option<String>,
    /// Why it is not healthy.
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
