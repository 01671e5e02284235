//! Every SQL statement, held against the migrated schema.

use std::collections::BTreeSet;

use frontdesk::db::Statement;
use sqlx::{AssertSqlSafe, Column as _, Executor as _, PgConnection, SqlSafeStr as _, Statement as _, TypeInfo as _};

use crate::sources::{self, Source};
use crate::{assert_checked_in, assert_none, assert_same, components, migrated};

/// Types that Spin carries both ways (crates/devhost/src/postgres/{parameters,values}.rs). Deliberately not here: `TIMESTAMPTZ`,
/// which cannot be read, and `JSON`, which can only be written.
const CARRIED: &str = "BOOL BYTEA CHAR CHAR[] DATE FLOAT4 FLOAT8 INT2 INT4 INT4RANGE INT4[] INT8 INT8RANGE INT8[] INTERVAL \
    JSONB NUMERIC NUMERIC[] NUMRANGE TEXT TEXT[] TIME TIMESTAMP UUID VARCHAR VARCHAR[]";

/// A crate that has statements.
struct Owner {
    name: &'static str,
    folder: String,
    statements: &'static [Statement],
}

fn owners() -> Vec<Owner> {
    let component = |component: components::Component| Owner {
        name: component.name,
        folder: format!("components/{}/src", component.name),
        statements: component.statements,
    };
    let shared =
        Owner { name: "frontdesk", folder: "crates/frontdesk/src".to_owned(), statements: frontdesk::STATEMENTS };
    components::all().into_iter().map(component).chain([shared]).collect()
}

fn statements() -> Vec<Statement> {
    let mut statements: Vec<_> = owners().iter().flat_map(|owner| owner.statements).copied().collect();
    statements.sort_by_key(Statement::name);
    statements
}

#[test]
fn every_statement_in_the_sources_is_listed() {
    for owner in owners() {
        let mut written = BTreeSet::new();
        for Source { path, text } in sources::below(&owner.folder) {
            assert!(!text.contains("Statement as "), "{path}: Statement keeps its name, so that its uses are found");
            for code in text.split("Statement::").skip(1) {
                let arguments = code.strip_prefix("read(").or_else(|| code.strip_prefix("write("));
                let name = arguments.and_then(sources::literal);
                let name = name.unwrap_or_else(|| panic!("{path}: Statement::{code:.40} does not begin with its name"));
                assert!(written.insert(name.to_owned()), "{path}: there is another {name}");
            }
        }
        let listed = owner.statements.iter().map(|statement| statement.name().to_owned()).collect();
        assert_same([&owner.folder, &format!("STATEMENTS of {}", owner.name)], [written, listed]);
    }
}

#[test]
fn a_component_has_its_sql_in_one_place() {
    for component in components::all() {
        for source in sources::below(&format!("components/{}/src", component.name)) {
            let is_store = source.path.ends_with("/store.rs");
            assert!(is_store || !source.text.contains("Statement::"), "{}: SQL is in store.rs", source.path);
        }
    }
}

#[test]
fn every_statement_has_a_name_of_its_own_which_says_whose_it_is() {
    let names: BTreeSet<_> = statements().iter().map(Statement::name).collect();
    assert_eq!(names.len(), statements().len(), "a name is there twice");
    for component in components::all() {
        for statement in component.statements {
            let family = statement.name().split_once('.').map(|(family, _)| family);
            assert_eq!(family, Some(component.name), "{}", statement.name());
        }
    }
}

#[tokio::test]
async fn every_statement_fits_the_schema_and_spin_carries_what_it_takes_and_gives() {
    let signatures = migrated(async |connection| {
        let mut signatures = Vec::new();
        for statement in statements() {
            signatures.push((statement, Signature::ask(connection, statement).await));
        }
        signatures
    })
    .await;
    let (mut lines, mut problems) = (Vec::new(), Vec::new());
    for (statement, signature) in signatures {
        let name = statement.name();
        match signature {
            Ok(Signature { takes, gives }) => {
                let kind = if statement.is_read() { "read " } else { "write" };
                lines.push(format!("{kind} {name}: ({}) -> ({})", takes.join(", "), gives.join(", ")));
                let not_carried = |ty: &&String| CARRIED.split(' ').all(|carried| carried != *ty);
                problems.extend(takes.iter().filter(not_carried).map(|ty| format!("{name} takes {ty}")));
                problems.extend(gives.iter().filter(not_carried).map(|ty| format!("{name} gives {ty}")));
            }
            Err(error) => problems.push(format!("{name}: {error}")),
        }
    }
    assert_none(&problems);
    assert_checked_in("statements", &lines.join("\n"));
}

/// The types of a statement's parameters and columns.
struct Signature {
    takes: Vec<String>,
    gives: Vec<String>,
}

impl Signature {
    async fn ask(connection: &mut PgConnection, statement: Statement) -> sqlx::Result<Self> {
        let prepared = connection.prepare(statement.text().into_sql_str()).await?;
        let takes = prepared.parameters().and_then(|parameters| parameters.left()).unwrap_or_default();
        Ok(Self {
            takes: takes.iter().map(|ty| ty.name().to_owned()).collect(),
            gives: prepared.columns().iter().map(|column| column.type_info().name().to_owned()).collect(),
        })
    }
}

// Postgres itself is asked: its PREPARE takes a query and nothing that begins or ends a transaction, sets or defines
// something, and in a transaction that is read only it refuses whatever changes or locks a row, inside functions too.
#[tokio::test]
async fn every_statement_is_one_query_and_a_read_changes_nothing() {
    let problems = migrated(async |connection| {
        let mut problems = Vec::new();
        for statement in statements() {
            if let Err(error) = try_read_only(connection, statement).await {
                problems.push(format!("{}: {error}", statement.name()));
            }
            sqlx::raw_sql("rollback; deallocate all").execute(&mut *connection).await.unwrap();
        }
        problems
    })
    .await;
    assert_none(&problems);
}

async fn try_read_only(connection: &mut PgConnection, statement: Statement) -> sqlx::Result<()> {
    let parameters = Signature::ask(connection, statement).await?.takes.len();
    sqlx::raw_sql("begin read only").execute(&mut *connection).await?;
    let prepare = format!("prepare tried as {}", statement.text());
    sqlx::raw_sql(AssertSqlSafe(prepare)).execute(&mut *connection).await?;
    if statement.is_read() {
        let nulls = vec!["null"; parameters].join(", ");
        let execute = if nulls.is_empty() { "execute tried".to_owned() } else { format!("execute tried({nulls})") };
        sqlx::raw_sql(AssertSqlSafe(execute)).execute(&mut *connection).await?;
    }
    Ok(())
}

const VOLATILE: &str = "
select proname::text from pg_proc
where pronamespace = 'public'::regnamespace and provolatile = 'v' and prorettype <> 'trigger'::regtype";

/// Notes at most every few minutes that a session was used, which does no harm when it is repeated or undone.
const HARMLESS: &str = "signed_in";

// Such a function may do nothing for the nulls with which reads are tried.
#[tokio::test]
async fn a_read_calls_no_function_of_ours_that_may_change_something() {
    let volatile: Vec<String> =
        migrated(async |connection| sqlx::query_scalar(VOLATILE).fetch_all(connection).await.unwrap()).await;
    for statement in statements().iter().filter(|statement| statement.is_read()) {
        let words = statement.text().split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        for word in words {
            let may_change = word != HARMLESS && volatile.iter().any(|function| function == word);
            assert!(!may_change, "{} calls {word}", statement.name());
        }
    }
}

#[test]
fn no_statement_asks_for_all_columns() {
    for statement in statements() {
        for (at, _) in statement.text().match_indices('*') {
            let before = statement.text()[..at].trim_end();
            let is_a_list = ["select", "distinct", "returning", ",", "."].iter().any(|start| before.ends_with(start));
            assert!(!is_a_list, "{}: name the columns", statement.name());
        }
    }
}
