//! What Postgres does for a page of a long list: it reads the page from an index, however far behind the first it is. The
//! statements are those of the components, on a database of their own without a host.

use std::collections::BTreeMap;

use e2e::Database;
use frontdesk::db::Statement;
use serde_json::Value;
use sqlx::{AssertSqlSafe, PgConnection, Row as _};

/// Of the pages that are asked for: the default and the one more that tells whether there is another.
const LIMIT: usize = 51;
/// How many people are before the pages that are not the first: half of them, and all but the last hundred, who are the
/// thousandth page of a hundred.
const BEFORE: [usize; 2] = [50_000, 99_900];
/// A `plan_cache_mode`: statements are planned anew each time.
const CUSTOM: &str = "force_custom_plan";
/// A `plan_cache_mode`: what a function executes often is planned once.
const KEPT: &str = "auto";
/// How often Postgres plans what a function executes before it keeps a plan, and once more.
const PLANNED: usize = 6;
/// How often each is measured.
const RUNS: usize = 9;
/// Below this many milliseconds two times are the same: the clock and the neighbours say more than the plan.
const FLOOR: f64 = 3.0;

/// 100,000 people, a hundred of whom administer and a thousand of whom are inactive.
const PEOPLE: &str = "
insert into users (email, full_name, role, is_active, created_at, password_hash)
select 'person' || lpad((n * 7919 % 100000)::text, 6, '0') || '@example.com', 'Person ' || n,
       case n % 1000 when 0 then 'admin' else 'user' end, n % 100 <> 1, now() - n * interval '1 minute', '-'
from generate_series(1, 100000) n";

/// 1,000 groups of a hundred people.
const GROUPS: &str = "
insert into groups (name) select 'Group ' || lpad((n * 7919 % 1000)::text, 4, '0') from generate_series(1, 1000) n;
insert into group_members (group_id, user_id)
select g.id, u.id
from (select id, row_number() over (order by id) as n from groups) g
join (select id, row_number() over (order by id) as n from users) u on u.n % 1000 = g.n % 1000";

/// A hundred sessions of each of the first thousand people, of which every tenth is over, and one thousand more of the first.
const SESSIONS: &str = "
insert into sessions (user_id, created_at, expires_at, idle_expires_at)
select u.id, now() - n * interval '1 hour', now() + interval '30 days',
       now() + case when n % 10 = 0 then -n else n end * interval '1 hour'
from (select id from users order by email limit 1000) u, generate_series(1, 100) n;
insert into sessions (user_id, created_at, expires_at, idle_expires_at)
select u.id, now() - n * interval '1 minute', now() + interval '30 days', now() + interval '14 days'
from (select id from users order by email limit 1) u, generate_series(1, 1000) n";

/// 100,000 rows of the audit log: a hundred of each of a thousand people, two thousand of each action, twenty on each target.
const AUDIT: &str = "
insert into audit_log (at, actor_id, action, target_type, target_id, request_id)
select now() - n * interval '1 minute', md5((n % 1000)::text)::uuid, 'action-' || n % 50, 'thing', 'thing-' || n % 5000, 'r'
from generate_series(1, 100000) n";

/// A part of a plan.
#[derive(Debug)]
struct Node {
    kind: String,
    relation: String,
    index: String,
    rows: f64,
}

/// What was done to execute a statement, and how long that took.
#[derive(Debug)]
struct Execution {
    nodes: Vec<Node>,
    milliseconds: f64,
}

impl Execution {
    /// The parts that read this table.
    fn of<'a>(&'a self, relation: &'a str) -> impl Iterator<Item = &'a Node> {
        self.nodes.iter().filter(move |node| node.relation == relation)
    }

    fn has(&self, kind: &str) -> bool {
        self.nodes.iter().any(|node| node.kind.contains(kind))
    }
}

fn statement(of: &[Statement], name: &str) -> Statement {
    of.iter().copied().find(|statement| statement.name() == name).unwrap()
}

async fn one(connection: &mut PgConnection, sql: &str) -> String {
    // In the text form of all values, whatever their types.
    let row = sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).fetch_one(connection).await.unwrap();
    row.try_get_unchecked(0).unwrap()
}

/// Executes a statement as the host does, which prepares it for one execution: the planner sees what the parameters are. What its
/// functions execute is planned as `plan_cache_mode` says.
async fn execute(
    connection: &mut PgConnection,
    plan_cache_mode: &str,
    statement: Statement,
    parameters: &[String],
) -> Execution {
    let prepare =
        format!("deallocate all; set plan_cache_mode = {plan_cache_mode}; prepare page as {}", statement.text());
    sqlx::raw_sql(AssertSqlSafe(prepare)).execute(&mut *connection).await.unwrap();
    let parameters = if parameters.is_empty() { String::new() } else { format!("({})", parameters.join(", ")) };
    let explain = format!("explain (analyze, timing off, format json) execute page{parameters}");
    let explained: Value = serde_json::from_str(&one(connection, &explain).await).unwrap();
    let mut nodes = Vec::new();
    collect(&explained[0]["Plan"], &mut nodes);
    Execution { nodes, milliseconds: explained[0]["Execution Time"].as_f64().unwrap() }
}

fn collect(plan: &Value, nodes: &mut Vec<Node>) {
    let text = |key: &str| plan[key].as_str().unwrap_or_default().to_owned();
    nodes.push(Node {
        kind: text("Node Type"),
        relation: text("Relation Name"),
        index: text("Index Name"),
        rows: plan["Actual Rows"].as_f64().unwrap_or_default(),
    });
    for part in plan["Plans"].as_array().into_iter().flatten() {
        collect(part, nodes);
    }
}

/// The most rows that a page may read, of a hundred thousand.
const MOST_READ: f64 = 200.0;

/// Several executions: what was done in the last, and the median of the times.
async fn measure(connection: &mut PgConnection, statement: Statement, parameters: &[String]) -> Execution {
    measure_planned(connection, CUSTOM, statement, parameters).await
}

async fn measure_planned(
    connection: &mut PgConnection,
    plan_cache_mode: &str,
    statement: Statement,
    parameters: &[String],
) -> Execution {
    let mut executions = Vec::new();
    for _ in 0..RUNS {
        executions.push(execute(connection, plan_cache_mode, statement, parameters).await);
    }
    let mut times: Vec<_> = executions.iter().map(|execution| execution.milliseconds).collect();
    times.sort_by(f64::total_cmp);
    Execution { milliseconds: times[RUNS / 2], ..executions.pop().unwrap() }
}

/// The page is read from an index of the table, and hardly more than the page. Where little of the list is left, all of that may
/// be read and sorted.
fn assert_reads_a_page(execution: &Execution, relation: &str, context: &str) {
    let scans: Vec<_> = execution.of(relation).collect();
    assert_eq!(scans.len(), 1, "{context}: {execution:#?}");
    for scan in scans {
        let by_index = ["Index Scan", "Index Only Scan", "Bitmap Heap Scan"];
        assert!(by_index.contains(&scan.kind.as_str()), "{context}: {execution:#?}");
        assert!(scan.rows <= MOST_READ, "{context}: {execution:#?}");
    }
    assert!(!execution.has("Seq Scan"), "{context}: {execution:#?}");
}

fn assert_as_quick(first: &Execution, later: &Execution, context: &str) {
    let (first, later) = (first.milliseconds.max(FLOOR), later.milliseconds.max(FLOOR));
    assert!(later < 2.0 * first, "{context}: the first page takes {first} ms, the later one {later} ms");
}

#[tokio::test]
async fn a_page_of_a_long_list_is_read_from_an_index_however_far_behind_it_is() {
    let database = Database::clone_template().await.unwrap();
    for fill in [PEOPLE, GROUPS, SESSIONS] {
        database.raw(fill).await.unwrap();
    }
    for analyze in ["users", "groups", "group_members", "sessions"].map(|table| format!("vacuum analyze {table}")) {
        sqlx::raw_sql(AssertSqlSafe(analyze)).execute(&mut database.connect().await.unwrap()).await.unwrap();
    }
    let mut connection = database.connect().await.unwrap();
    pages_of_users(&mut connection).await;
    filtered_users(&mut connection).await;
    pages_of_groups(&mut connection).await;
    pages_of_sessions(&mut connection).await;
    past_sessions(&mut connection).await;
    drop(connection);
    database.drop().await.unwrap();
}

#[tokio::test]
async fn a_page_of_the_audit_log_is_read_from_an_index_whatever_the_filter() {
    let database = Database::clone_template().await.unwrap();
    for fill in [AUDIT, "vacuum analyze audit_log"] {
        database.raw(fill).await.unwrap();
    }
    let mut connection = database.connect().await.unwrap();
    let list = statement(::admin::STATEMENTS, "admin.list_audit");
    let microseconds = |days: usize| format!("((extract(epoch from now()) - {days} * 86400) * 1000000)::int8");
    let (week, month) = (microseconds(7), microseconds(30));
    let id = "'00000000-0000-4000-8000-000000000000'";
    for (filter, parameters, index) in [
        ("nothing", ["null"; 7], "audit_log_at_idx"),
        ("an actor", ["md5('7')::uuid", "null", "null", "null", "null", "null", "null"], "audit_log_actor_id_idx"),
        ("an action", ["null", "'action-7'", "null", "null", "null", "null", "null"], "audit_log_action_idx"),
        ("a target", ["null", "null", "'{thing-7}'", "null", "null", "null", "null"], "audit_log_target_id_idx"),
        ("a time", ["null", "null", "null", &month, &week, "null", "null"], "audit_log_at_idx"),
        ("far behind", ["null", "null", "null", "null", "null", &month, id], "audit_log_at_idx"),
        ("an action, far behind", ["null", "'action-7'", "null", "null", "null", &month, id], "audit_log_action_idx"),
    ] {
        let limit = LIMIT.to_string();
        let parameters: Vec<_> = parameters.into_iter().chain([limit.as_str()]).map(str::to_owned).collect();
        let execution = execute(&mut connection, CUSTOM, list, &parameters).await;
        assert_reads_a_page(&execution, "audit_log", filter);
        let used = execution.nodes.iter().map(|node| &node.index).find(|index| !index.is_empty());
        assert_eq!(used.map(String::as_str), Some(index), "{filter}: {execution:#?}");
    }
    drop(connection);
    database.drop().await.unwrap();
}

/// 10,000 people, 50 apps and 200 groups of a hundred; each app was granted to 200 people and 20 groups.
const APPS: &str = "
insert into users (email, password_hash) select 'person' || n || '@example.com', '-' from generate_series(1, 10000) n;
insert into groups (name) select 'Group ' || n from generate_series(1, 200) n;
insert into group_members (group_id, user_id)
select g.id, u.id
from (select id, row_number() over (order by id) as n from groups) g
join (select id, row_number() over (order by id) as n from users) u on u.n % 100 = g.n % 100;
insert into apps (key, name, position) select 'app-' || n, 'App ' || n, n from generate_series(1, 50) n;
insert into app_users (app_key, user_id)
select 'app-' || a, u.id
from generate_series(1, 50) a join (select id, row_number() over (order by id) as n from users) u on u.n % 50 = a % 50;
insert into app_groups (app_key, group_id)
select 'app-' || a, g.id
from generate_series(1, 50) a join (select id, row_number() over (order by id) as n from groups) g on g.n % 10 = a % 10;
insert into sessions (user_id, expires_at, idle_expires_at) select id, now() + interval '1 day', now() + interval '1 day' from users";

#[tokio::test]
async fn whether_somebody_may_use_an_app_is_read_from_indexes_in_two_milliseconds() {
    let database = Database::clone_template().await.unwrap();
    database.raw(APPS).await.unwrap();
    for table in ["users", "groups", "group_members", "sessions", "apps", "app_users", "app_groups"] {
        let analyze = AssertSqlSafe(format!("vacuum analyze {table}"));
        sqlx::raw_sql(analyze).execute(&mut database.connect().await.unwrap()).await.unwrap();
    }
    let mut connection = database.connect().await.unwrap();
    let somebody = "from sessions order by user_id limit 1 offset 5000";
    let user = one(&mut connection, &format!("select quote_literal(user_id) {somebody}")).await;
    let session = one(&mut connection, &format!("select quote_literal(id) {somebody}")).await;
    let list = statement(::apps::STATEMENTS, "apps.list_usable");
    let check = statement(::documents::STATEMENTS, "documents.find_terms");
    for (statement, parameters) in
        [(list, vec![session.clone(), user.clone()]), (check, vec![session, user, "'app-7'".to_owned()])]
    {
        // Of its own, whose counts begin at none.
        let mut connection = database.connect().await.unwrap();
        sqlx::raw_sql("begin").execute(&mut connection).await.unwrap();
        for _ in 0..PLANNED {
            execute(&mut connection, KEPT, statement, &parameters).await;
        }
        let execution = measure_planned(&mut connection, KEPT, statement, &parameters).await;
        println!("{}: {} ms", statement.name(), execution.milliseconds);
        assert!(execution.milliseconds < 2.0, "{}: {execution:#?}", statement.name());
        // What a function does is in no plan. All apps are looked at by who lists them; whatever grows with the people is looked up.
        let read = "select string_agg(relname, ' ' order by relname) from pg_stat_xact_user_tables where idx_scan >= 15
                    and relname in ('users', 'sessions', 'group_members', 'app_users') and seq_scan = 0";
        assert_eq!(one(&mut connection, read).await, "app_users group_members sessions users", "{}", statement.name());
    }
    drop(connection);
    database.drop().await.unwrap();
}

async fn pages_of_users(connection: &mut PgConnection) {
    // Of each order, what a position in it consists of.
    let orders: [(&str, &str, &[&str]); 4] = [
        ("list_newest", "created_at desc, id desc", &["(extract(epoch from created_at) * 1000000)::int8", "id"]),
        ("list_oldest", "created_at, id", &["(extract(epoch from created_at) * 1000000)::int8", "id"]),
        ("list_by_email", "email", &["email"]),
        ("list_by_email_descending", "email desc", &["email"]),
    ];
    for (name, order, position) in orders {
        let statement = statement(::admin::STATEMENTS, &format!("admin.{name}"));
        let no_filter_and = |position: &[String]| {
            let (nulls, limit) = (vec!["null".to_owned(); 3], LIMIT.to_string());
            [nulls.as_slice(), position, &[limit]].concat()
        };
        let nowhere = vec!["null".to_owned(); position.len()];
        let first = measure(connection, statement, &no_filter_and(&nowhere)).await;
        assert_reads_a_page(&first, "users", &format!("{name}, the first page"));
        for before in BEFORE {
            let mut there = Vec::new();
            for part in position {
                let ask = format!("select quote_literal({part}) from users order by {order} limit 1 offset {before}");
                there.push(one(connection, &ask).await);
            }
            let later = measure(connection, statement, &no_filter_and(&there)).await;
            let context = format!("{name}, after {before}");
            assert_reads_a_page(&later, "users", &context);
            assert_as_quick(&first, &later, &context);
        }
    }
}

/// Few of many are found without looking at all.
async fn filtered_users(connection: &mut PgConnection) {
    let newest = statement(::admin::STATEMENTS, "admin.list_newest");
    let has_search =
        one(connection, "select count(*) from pg_indexes where indexname = 'users_search_idx'").await == "1";
    let mut indexes = BTreeMap::new();
    for (filter, parameters) in [
        ("administrators", ["null", "'admin'", "null"]),
        ("inactive", ["null", "null", "false"]),
        ("active administrators", ["null", "'admin'", "true"]),
        ("a name", ["'Person 54321'", "null", "null"]),
        ("an address", ["'054321@EXAMPLE'", "null", "null"]),
    ] {
        if parameters[0] != "null" && !has_search {
            continue;
        }
        let nowhere = ["null".to_owned(), "null".to_owned(), LIMIT.to_string()];
        let parameters: Vec<_> = parameters.into_iter().map(str::to_owned).chain(nowhere).collect();
        let execution = measure(connection, newest, &parameters).await;
        assert!(!execution.has("Seq Scan"), "{filter}: {execution:#?}");
        // Only those that were found may be sorted.
        let sorted = execution.nodes.iter().filter(|node| node.kind.contains("Sort")).map(|node| node.rows);
        assert!(sorted.fold(0.0, f64::max) <= 1000.0, "{filter}: {execution:#?}");
        let used = execution.nodes.iter().map(|node| node.index.clone()).find(|index| !index.is_empty());
        indexes.insert(filter, used.unwrap_or_default());
    }
    assert_eq!(indexes["administrators"], "users_admins_idx");
    assert_eq!(indexes["active administrators"], "users_admins_idx");
    assert_eq!(indexes["inactive"], "users_inactive_idx");
    if has_search {
        assert_eq!((&*indexes["a name"], &*indexes["an address"]), ("users_search_idx", "users_search_idx"));
    }
}

async fn pages_of_groups(connection: &mut PgConnection) {
    let statement = statement(::groups::STATEMENTS, "groups.list_groups");
    let position = "select quote_literal(name_key) from groups order by name_key limit 1 offset 900";
    let position = one(connection, position).await;
    let first = measure(connection, statement, &["''".to_owned(), LIMIT.to_string()]).await;
    let later = measure(connection, statement, &[position, LIMIT.to_string()]).await;
    for (execution, page) in [(&first, "first"), (&later, "later")] {
        assert_reads_a_page(execution, "groups", &format!("groups.list_groups, the {page} page"));
        for members in execution.of("group_members") {
            assert!(members.kind.starts_with("Index"), "{page}: {execution:#?}");
        }
    }
    assert_as_quick(&first, &later, "groups.list_groups");
}

async fn pages_of_sessions(connection: &mut PgConnection) {
    let user = one(connection, "select quote_literal(id) from users order by email limit 1").await;
    for statements in [(::auth::STATEMENTS, "auth.list_sessions"), (::admin::STATEMENTS, "admin.list_sessions")] {
        let statement = statement(statements.0, statements.1);
        let first = vec![user.clone(), "null".to_owned(), "null".to_owned(), LIMIT.to_string()];
        let first = measure(connection, statement, &first).await;
        let position = |part: &str| {
            format!(
                "select quote_literal({part}) from sessions where user_id = {user} order by created_at desc, id desc
                 limit 1 offset 900"
            )
        };
        let at = one(connection, &position("(extract(epoch from created_at) * 1000000)::int8")).await;
        let later = vec![user.clone(), at, one(connection, &position("id")).await, LIMIT.to_string()];
        let later = measure(connection, statement, &later).await;
        for (execution, page) in [(&first, "first"), (&later, "later")] {
            assert_reads_a_page(execution, "sessions", &format!("{}, the {page} page", statement.name()));
        }
        assert_as_quick(&first, &later, statement.name());
    }
}

/// What is over is found without looking at what is not.
async fn past_sessions(connection: &mut PgConnection) {
    let statement = statement(::services::STATEMENTS, "services.delete_past_sessions");
    let execution = execute(connection, CUSTOM, statement, &[]).await;
    let found = execution.of("sessions").find(|node| node.index == "sessions_expires_at_idx");
    assert_eq!(found.map(|node| node.rows), Some(1000.0), "{execution:#?}");
    assert!(!execution.has("Seq Scan") && !execution.has("Sort"), "{execution:#?}");
}
