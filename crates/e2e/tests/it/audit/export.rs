//! GET /api/admin/audit as CSV.

use e2e::{Answer, App, Caller};
use insta::assert_snapshot;
use reqwest::Method;

use super::{AUDIT, ROWS};

async fn export(admin: &Caller, query: &str) -> Answer {
    let request = admin.request(Method::GET, &format!("{AUDIT}?{query}")).header("accept", "text/csv");
    admin.send(request).await.unwrap()
}

/// The first line.
const HEAD: &str = r#""id","at","actor_id","action","target_type","target_id","ip","request_id","changes""#;

/// More than two pages of what is read at a time.
const MANY: &str = "
insert into audit_log (at, action, target_type, request_id)
select now() - n * interval '1 second', 'app.updated', 'many', 'r-' || n from generate_series(1, 2500) n";

/// A row whose cells would be formulas.
const FORMULAS: &str = "
insert into audit_log (id, at, action, target_type, target_id, ip, request_id, changes)
values ('00000000-0000-4000-8000-000000000000', '2026-01-31 12:00:00.5+00', '=cmd', '+1', '-1,\"x\"', '@sum', e'\\tx',
        '{\"name\": [\"=1\", null]}'),
       ('00000000-0000-4000-8000-000000000001', '2026-01-31 12:00:00+00', '=cmd', 'a;=1', e'a\\t\"=1', e'a\\n=1', 'a; ＝1',
        '{\"name\": [\"a;=1\", -1]}')";

#[tokio::test]
async fn all_rows_come_as_a_file_in_the_order_of_the_list() {
    let app = App::start().await.unwrap();
    let admin = app.admin().await.unwrap();
    app.database().raw(MANY).await.unwrap();
    app.database().raw(ROWS).await.unwrap();
    let answer = export(&admin, "action=app.updated").await;
    assert_eq!(answer.status, 200, "{answer}");
    for (name, value) in [
        ("content-type", "text/csv; charset=utf-8"),
        ("content-disposition", "attachment; filename=\"audit.csv\""),
        ("content-length", ""),
        ("cache-control", "no-store"),
    ] {
        assert_eq!(answer.header(name), value, "{name}");
    }
    let lines: Vec<_> = answer.body.split("\r\n").collect();
    assert_eq!((lines.len(), lines[0], lines[2501]), (2502, HEAD, ""));
    for (number, line) in lines[1..=2500].iter().enumerate() {
        assert!(
            line.ends_with(&format!(r#","app.updated","many","","","r-{}","{{}}""#, number + 1)),
            "{number}: {line}"
        );
    }
    assert_eq!(export(&admin, "action=app.updated&limit=7").await.body.split("\r\n").count(), 9);
    assert_eq!(export(&admin, "action=group.deleted&target_id=thing-0").await.body.split("\r\n").count(), 12);
    assert_eq!(export(&admin, "action=nothing").await.body.split("\r\n").count(), 2);
    assert_eq!(export(&admin, "since=x").await.status, 422);
    let json = admin.request(Method::GET, AUDIT).header("accept", "application/json, text/csv;q=0.5");
    assert_eq!(admin.send(json).await.unwrap().header("content-type"), "application/json");
    app.stop().await.unwrap();
}

#[tokio::test]
async fn no_cell_is_a_formula() {
    let app = App::start().await.unwrap();
    let admin = app.admin().await.unwrap();
    app.database().raw(FORMULAS).await.unwrap();
    let body = export(&admin, "action=%3Dcmd").await.body;
    let body = body.replace("\r\n", "[end]\n").replace('\t', "[tab]");
    assert_snapshot!(body, @r#"
    "id","at","actor_id","action","target_type","target_id","ip","request_id","changes"[end]
    "00000000-0000-4000-8000-000000000000","2026-01-31T12:00:00.500Z","","'=cmd","'+1","'-1,""x""","'@sum","'[tab]x","{""name"": [""=1"", null]}"[end]
    "00000000-0000-4000-8000-000000000001","2026-01-31T12:00:00.000Z","","'=cmd","'a;'=1","'a[tab]'""=1","'a
    '=1","'a;' ＝1","'{""name"": [""a;'=1"",' -1]}"[end]
    "#);
    // Whoever reads it splits it where they like.
    for part in body.split([',', ';', '\n']).flat_map(|part| part.split("[tab]")) {
        assert!(!part.trim_start_matches([' ', '"']).starts_with(['=', '+', '-', '@', '＝']), "{part}");
    }
    app.stop().await.unwrap();
}
