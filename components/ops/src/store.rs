//! The statements of this family.

use frontdesk::db::{Db, DbError, Statement};

/// Every statement of this family.
pub const STATEMENTS: &[Statement] = &[LATEST_APPLIED, LIST_UNTRUSTED_PROXIES];

/// The number of the newest file in `migrations/`, which this version needs; a test holds the two together.
pub const LATEST_MIGRATION: i64 = 18;

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

const LIST_UNTRUSTED_PROXIES: Statement = Statement::read(
    "ops.list_untrusted_proxies",
    "select ip from untrusted_proxies where seen_at > now() - interval '2 days'",
);

/// The addresses that sign-ins came through of proxies that were not trusted then.
pub(crate) async fn untrusted_proxies(db: &Db) -> Result<Vec<String>, DbError> {
    let rows: Vec<(String,)> = db.all(LIST_UNTRUSTED_PROXIES, Vec::new()).await?;
    Ok(rows.into_iter().map(|(ip,)| ip).collect())
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
