//! The statements of this family.

use frontdesk::db::{Columns, Db, DbError, DecodeError, FromRow, Statement};
use uuid::Uuid;

/// Every statement of this family.
pub const STATEMENTS: &[Statement] = &[FIND_TERMS];

/// On what terms somebody's request is forwarded.
pub(crate) struct Terms {
    /// Ids of groups, in their order, at most one more than are told.
    pub(crate) groups: Vec<String>,
    /// The limit that administrators set for documents, in MiB.
    pub(crate) documents_limit: i32,
}

impl FromRow for Terms {
    fn from_row(columns: &mut Columns<'_>) -> Result<Self, DecodeError> {
        Ok(Self { groups: columns.take()?, documents_limit: columns.take()? })
    }
}

const FIND_TERMS: Statement = Statement::read(
    "documents.find_terms",
    "select array(select group_id::text from group_members where user_id = $1 order by group_id limit 101),
            (select max_pdf_mb from documents_settings)",
);

/// The terms for a user.
pub(crate) async fn find_terms(db: &Db, user: Uuid) -> Result<Terms, DbError> {
    db.one(FIND_TERMS, vec![user.into()]).await
}
