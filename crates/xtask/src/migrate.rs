//! `cargo xtask migrate`: applies the numbered SQL files of `migrations/`, forward only.
//!
//! The files are read when the command runs, never compiled in. The bookkeeping is sqlx's: a table with a checksum per
//! migration, and an advisory lock, so that replicas that are deployed at once do not apply one twice.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use sqlx::PgConnection;
use sqlx::migrate::{Migrate as _, MigrateError, Migration, MigrationType, Migrator};

use crate::checkout::Checkout;
use crate::database;
use crate::signals;
use crate::target::Target;

/// Sqlx's own name, so that its command line works on the same database.
const TABLE: &str = "_sqlx_migrations";

pub(crate) fn run() -> Result<()> {
    let checkout = Checkout::find()?;
    let target = Target::open(&checkout)?;
    println!("Migrating {}", database::describe(target.url()));
    migrate(&checkout, target.url())
}

/// Applies what is missing, and says what it does.
pub fn migrate(checkout: &Checkout, url: &str) -> Result<()> {
    let folder = checkout.path("migrations");
    signals::block_on(async {
        let migrations = read(&folder).await?;
        let mut connection = database::connect(url).await?;
        connection.lock().await.map_err(explain)?;
        // The lock is the session's: on an error it goes with the connection.
        apply(&mut connection, &migrations).await?;
        connection.unlock().await.map_err(explain)?;
        database::close(connection).await;
        Ok(())
    })
}

/// The folder's migrations in order.
async fn read(folder: &Path) -> Result<Vec<Migration>> {
    let migrator = Migrator::new(folder).await.map_err(explain)?;
    let migrations: Vec<_> = migrator.iter().cloned().collect();
    for pair in migrations.windows(2) {
        if let [one, other] = pair
            && one.version == other.version
        {
            bail!("two migrations have the number {:04}: renumber the newer one", one.version);
        }
    }
    if let Some(other) = migrations.iter().find(|migration| migration.migration_type != MigrationType::Simple) {
        bail!("migration {} is of a reversible kind: migrations go forward only", name(other));
    }
    if migrations.is_empty() {
        bail!("{} holds no migration (NNNN_topic.sql)", folder.display());
    }
    Ok(migrations)
}

async fn apply(connection: &mut PgConnection, migrations: &[Migration]) -> Result<()> {
    connection.ensure_migrations_table(TABLE).await.map_err(explain)?;
    if let Some(version) = connection.dirty_version(TABLE).await.map_err(explain)? {
        bail!("migration {version:04} failed half-way earlier: repair what it left, then delete its row from {TABLE}");
    }
    let applied = connection.list_applied_migrations(TABLE).await.map_err(explain)?;
    let applied: BTreeMap<i64, _> = applied.into_iter().map(|row| (row.version, row.checksum)).collect();
    let pending = pending(migrations, &applied)?;
    if pending.is_empty() {
        println!("Nothing to migrate: all {} migrations are applied", migrations.len());
    }
    for (index, migration) in pending.iter().enumerate() {
        print!("[{}/{}] {} ... ", index + 1, pending.len(), name(migration));
        std::io::stdout().flush()?;
        match connection.apply(TABLE, migration).await {
            Ok(took) => println!("{} ms", took.as_millis()),
            Err(error) => {
                println!("failed");
                return Err(explain(error)).with_context(|| format!("migration {} failed", name(migration)));
            }
        }
    }
    Ok(())
}

/// What is still to be applied; an error when what was applied is not what the folder holds.
fn pending<'a, T: AsRef<[u8]>>(migrations: &'a [Migration], applied: &BTreeMap<i64, T>) -> Result<Vec<&'a Migration>> {
    if let Some(unknown) = applied.keys().find(|version| migrations.iter().all(|known| known.version != **version)) {
        bail!("the database has migration {unknown:04}, which this checkout does not know: it is of a newer version");
    }
    let newest = applied.keys().next_back().copied();
    let mut pending = Vec::new();
    for migration in migrations {
        match applied.get(&migration.version) {
            Some(checksum) if checksum.as_ref() == &*migration.checksum => {}
            Some(_) => bail!(
                "migration {} was changed after it had been applied: restore the file, and make the change in a new one",
                name(migration)
            ),
            None if newest > Some(migration.version) => bail!(
                "migration {} comes before {:04}, which is applied already: renumber it",
                name(migration),
                newest.unwrap_or_default()
            ),
            None => pending.push(migration),
        }
    }
    Ok(pending)
}

/// As the file is called: `0001 users_and_sessions`.
fn name(migration: &Migration) -> String {
    format!("{:04} {}", migration.version, migration.description.replace(' ', "_"))
}

/// Without the layer that says that it was migrating, which is said here already.
fn explain(error: MigrateError) -> anyhow::Error {
    match error {
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => database::explain(error),
        error => error.into(),
    }
}

#[cfg(test)]
mod tests {
    use sqlx::SqlSafeStr as _;

    use super::*;

    fn migration(version: i64, sql: &'static str) -> Migration {
        Migration::new(version, "a topic".into(), MigrationType::Simple, sql.into_sql_str(), false)
    }

    fn applied(migrations: &[Migration]) -> BTreeMap<i64, Vec<u8>> {
        migrations.iter().map(|migration| (migration.version, migration.checksum.to_vec())).collect()
    }

    #[test]
    fn what_is_not_applied_yet_is_pending() {
        let all = [migration(1, "a"), migration(2, "b")];
        let versions = |done: &[Migration]| {
            pending(&all, &applied(done)).unwrap().iter().map(|migration| migration.version).collect::<Vec<_>>()
        };
        assert_eq!(versions(&[]), [1, 2]);
        assert_eq!(versions(&all[..1]), [2]);
        assert!(versions(&all).is_empty());
    }

    #[test]
    fn a_changed_an_unknown_and_an_overtaken_migration_are_refused() {
        let all = [migration(1, "a"), migration(2, "b")];
        let refused = |done: &[Migration]| pending(&all, &applied(done)).unwrap_err().to_string();
        assert!(refused(&[migration(1, "changed")]).contains("0001 a_topic was changed"));
        assert!(refused(&[migration(1, "a"), migration(3, "c")]).contains("has migration 0003"));
        assert!(refused(&[migration(2, "b")]).contains("0001 a_topic comes before 0002"));
    }
}
