//! The statements of this family.

use frontdesk::db::{Columns, DecodeError, FromRow, Json, Statement};
use serde::Deserialize;

/// Every statement of this family.
pub const STATEMENTS: &[Statement] = &[FIND_TERMS];

/// On what terms somebody's request is forwarded. The names are those of what `documents_terms` gives.
#[derive(Deserialize)]
pub(crate) struct Terms {
    /// Whether they may use the app at all.
    pub(crate) may_use: bool,
    /// Ids of groups, in their order, at most one more than are told.
    pub(crate) groups: Vec<String>,
    /// The limit that administrators set for documents, in MiB.
    pub(crate) documents_limit: u32,
}

impl FromRow for Terms {
    fn from_row(columns: &mut Columns<'_>) -> Result<Self, DecodeError> {
        let Json(terms) = columns.take()?;
        Ok(terms)
    }
}

/// Who is signed in, and the terms on which they use the app of parameter 3.
pub(crate) const FIND_TERMS: Statement =
    Statement::read("documents.find_terms", "select signed_in($1, $2), documents_terms($2, $3)");
