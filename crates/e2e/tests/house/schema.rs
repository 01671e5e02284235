//! What the migrations make, and what code relies on.

use sqlx::PgConnection;

use crate::sources::{self, Source};
use crate::{assert_checked_in, assert_none, migrated};

/// Columns called `*_id` that point at no table, and why.
const NOT_FOREIGN_KEYS: [(&str, &str); 4] = [
    ("ai_settings.api_key_key_id", "names a key of the variables, which the database must not hold"),
    ("audit_log.actor_id", "outlives the account"),
    ("audit_log.request_id", "names a request, which is in no table"),
    ("audit_log.target_id", "outlives what it names, and is of any type"),
];

/// A column called `*_id`, the table that it points at, and what happens when the row there is deleted; once per foreign key.
type IdColumn = (String, Option<String>, Option<String>);

const ID_COLUMNS: &str = r"
select c.relname || '.' || a.attname,
    f.confrelid::regclass::text,
    case f.confdeltype when 'a' then 'no action' when 'c' then 'cascade' when 'd' then 'set default'
        when 'n' then 'set null' when 'r' then 'restrict' end
from pg_attribute a
join pg_class c on c.oid = a.attrelid
left join pg_constraint f on f.conrelid = c.oid and f.contype = 'f' and a.attnum = any (f.conkey)
where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and a.attnum > 0 and not a.attisdropped
    and a.attname like '%\_id'
order by c.relname, a.attnum, f.conname";

#[tokio::test]
async fn every_id_column_is_a_foreign_key_with_a_chosen_rule() {
    let columns: Vec<IdColumn> =
        migrated(async |connection| sqlx::query_as(ID_COLUMNS).fetch_all(connection).await.unwrap()).await;
    let (mut lines, mut problems) = (Vec::new(), Vec::new());
    for (name, table, rule) in &columns {
        let is_exception = NOT_FOREIGN_KEYS.iter().any(|(exception, _)| exception == name);
        match (table, rule.as_deref()) {
            (Some(_), _) if is_exception => problems.push(format!("{name} is a foreign key: no exception is needed")),
            (Some(_), Some("no action")) => {
                problems.push(format!("{name}: say what a deletion does (cascade, restrict, set null, set default)"));
            }
            (Some(table), Some(rule)) => lines.push(format!("{name:<33}-> {table:<12}on delete {rule}")),
            _ if is_exception => {}
            _ => problems.push(format!("{name} has no foreign key")),
        }
    }
    for (exception, reason) in NOT_FOREIGN_KEYS {
        if !columns.iter().any(|(name, ..)| name == exception) {
            problems.push(format!("{exception} ({reason}): there is no such column"));
        }
    }
    assert_none(&problems);
    insta::assert_snapshot!(lines.join("\n"), @"
    ai_settings.updated_by_id        -> users       on delete set null
    app_groups.group_id              -> groups      on delete cascade
    app_users.user_id                -> users       on delete cascade
    documents_settings.updated_by_id -> users       on delete set null
    group_members.group_id           -> groups      on delete cascade
    group_members.user_id            -> users       on delete cascade
    known_devices.user_id            -> users       on delete cascade
    known_networks.user_id           -> users       on delete cascade
    one_time_passwords.user_id       -> users       on delete cascade
    password_resets.user_id          -> users       on delete cascade
    profiles.user_id                 -> users       on delete cascade
    sessions.user_id                 -> users       on delete cascade
    ");
}

/// How code names a constraint.
const CALL: &str = "on_constraint(";

const CONSTRAINTS: &str = "
select conname::text from pg_constraint where connamespace = 'public'::regnamespace and contype <> 'n'
union
select i.relname::text from pg_index x join pg_class i on i.oid = x.indexrelid
where x.indisunique and i.relnamespace = 'public'::regnamespace";

#[tokio::test]
async fn every_constraint_that_code_names_is_there() {
    let there: Vec<String> =
        migrated(async |connection| sqlx::query_scalar(CONSTRAINTS).fetch_all(connection).await.unwrap()).await;
    let (mut named, mut problems) = (0, Vec::new());
    for Source { path, text } in sources::below("components").into_iter().chain(sources::below("crates/frontdesk/src"))
    {
        let calls = text.match_indices(CALL).filter(|(at, _)| !text[..*at].ends_with("fn "));
        for (at, _) in calls {
            named += 1;
            let code = &text[at + CALL.len()..];
            match sources::literal(code) {
                Some(name) if there.iter().any(|constraint| constraint == name) => {}
                Some(name) => problems.push(format!("{path}: there is no constraint {name}")),
                None => problems.push(format!("{path}: {CALL}{code:.40} does not name its constraint")),
            }
        }
    }
    assert_none(&problems);
    assert!(named > 0, "no {CALL} was found: is it still called so?");
}

#[tokio::test]
async fn the_migrations_make_the_schema_that_is_checked_in() {
    let schema = migrated(describe).await;
    assert_checked_in("schema", &schema);
}

/// Everything that migrations make, by name, but for sqlx's own table. What Postgres 14 to 18 show differently is left out:
/// since 18 a `not null` is a constraint with a name as well. (The text of a view is not: 16 writes it otherwise than 15.)
async fn describe(connection: &mut PgConnection) -> String {
    let lines: Vec<String> = sqlx::query_scalar(include_str!("schema.sql")).fetch_all(connection).await.unwrap();
    lines.join("\n").trim_start().to_owned()
}
