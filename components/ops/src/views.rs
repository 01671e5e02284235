//! JSON out.

use serde::Serialize;
use utoipa::ToSchema;

/// That all is well.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Status)]
pub(crate) struct StatusView {
    /// Always `ok`: everything else is an error.
    #[schema(example = "ok")]
    status: &'static str,
    /// What should be changed, though everything goes on; absent if there is nothing.
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
