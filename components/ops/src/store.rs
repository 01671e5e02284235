//! The statements of this family.

use frontdesk::db::{Db, DbError, Statement};

/// Every statement of this family.
pub const STATEMENTS: &[Statement] = &[LATEST_APPLIED];

/// The number of the newest file in `migrations/`, which this version needs; a test holds the two together.
pub const LATEST_MIGRATION: i64 = 15;

const LATEST_APPLIED: Statement =
    Statement::read("ops.latest_migration", "select max(version) from _sqlx_migrations where success");

/// SQLSTATE of a table that does not exist: before the first migration there is none to ask.
const UNDEFINED_TABLE: &str = "42P01";

/// The number of the newest migration that was applied, if any was.
pub(crate) async fn latest_migration(db: &Db) -> Result<Option<i64>, DbError> {
    match db.one::<(Option<i64>,)>(LATEST_APPLIED, Vec::new()).await {
        Ok((version,)) => Ok(version),
        Err(error) if error.sqlstate() == Some(UNDEFINED_TABLE) => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::LATEST_MIGRATION;

    #[test]
    fn this_version_needs_the_newest_migration() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../migrations");
        let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let numbers = names.filter_map(|name| name.split('_').next().and_then(|number| number.parse::<i64>().ok()));
        assert_eq!(numbers.max(), Some(LATEST_MIGRATION));
    }
}
