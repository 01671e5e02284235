//! The statements of this family.

use frontdesk::db::{Columns, DecodeError, FromRow, Statement};
use frontdesk::find_live_session;

/// Every statement of this family.
pub const STATEMENTS: &[Statement] = &[FIND_TERMS];

/// On what terms somebody's request is forwarded.
pub(crate) struct Terms {
    /// Whether they may use the app at all.
    pub(crate) may_use: bool,
    /// Ids of groups, in their order, at most one more than are told.
    pub(crate) groups: Vec<String>,
    /// The limit that administrators set for documents, in MiB.
    pub(crate) documents_limit: i32,
}

impl FromRow for Terms {
    fn from_row(columns: &mut Columns<'_>) -> Result<Self, DecodeError> {
        Ok(Self { may_use: columns.take()?, groups: columns.take()?, documents_limit: columns.take()? })
    }
}

/// Who is signed in, and the terms on which they use the app of parameter 3.
pub(crate) const FIND_TERMS: Statement = Statement::read(
    "documents.find_terms",
    find_live_session!(", t.may_use, t.groups, t.documents_limit", "cross join documents_terms(u.id, u.role, $3) t"),
);
