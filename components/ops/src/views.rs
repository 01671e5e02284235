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
}

impl StatusView {
    pub(crate) const OK: Self = Self { status: "ok" };
}
