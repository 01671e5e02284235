//! JSON out.

use serde::Serialize;
use utoipa::ToSchema;

/// The state of a process that is alive, or of an installation that is ready.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Status)]
pub(crate) struct StatusView {
    /// Always `ok`. Every other state is an error response.
    #[schema(example = "ok")]
    status: &'static str,
    /// What the operator should change, for people. Absent if there is nothing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    warnings: Vec<&'static str>,
}

impl StatusView {
    pub(crate) const OK: Self = Self::with(Vec::new());

    pub(crate) const fn with(warnings: Vec<&'static str>) -> Self {
        Self { status: "ok", warnings }
    }
}
