//! GET /api/admin/users.

use std::collections::BTreeSet;

use e2e::{Answer, App};
use insta::assert_snapshot;

use super::USERS;
use crate::{admin, new_person};

const SORTS: [&str; 4] = ["created_at", "-created_at", "email", "-email"];

/// The addresses, as far as their @.
fn who(answer: &Answer) -> Vec<String> {
    let users = answer.json();
    let email = |user: &serde_json::Value| user["email"].as_str().unwrap().split('@').next().unwrap().to_owned();
    users.as_array().unwrap().iter().map(email).collect()
}

#[tokio::test]
async fn users_are_listed_newest_first_or_as_it_is_asked_for() {
    let app = App::start().await.unwrap();
    let admin = app.admin().await.unwrap();
    assert_snapshot!(admin.get(USERS).await.unwrap(), @r#"
    200 [
      {
        "created_at": "[time]",
        "email": "[email]",
        "email_verified": false,
        "full_name": null,
        "id": "[uuid]",
        "is_active": true,
        "last_login_at": "[time]",
        "mfa_enabled": false,
        "role": "admin",
        "updated_at": "[time]"
      }
    ]
    "#);

    app.database()
        .raw(
            r"update users set email = 'zoe@example.com', full_name = 'Zoe', created_at = '2024-01-01T00:00:00Z';
              insert into users (email, full_name, role, is_active, created_at, password_hash) values
                  ('ada@example.com', 'Ada Lovelace', 'user', true, '2024-01-01T00:00:01Z', '-'),
                  ('grace@example.com', 'Grace Hopper', 'admin', true, '2024-01-01T00:00:02Z', '-'),
                  ('a_b@example.com', 'Änne 100%', 'user', false, '2024-01-01T00:00:03Z', '-'),
                  ('axb@example.com', 'Back\slash 1000', 'user', true, '2024-01-01T00:00:04Z', '-'),
                  ('linus@example.org', null, 'admin', false, '2024-01-01T00:00:05Z', '-')",
        )
        .await
        .unwrap();
    for (query, expected) in [
        ("", "linus axb a_b grace ada zoe"),
        ("?unknown=1&q=&role=&is_active=", "linus axb a_b grace ada zoe"),
        ("?sort=-created_at", "linus axb a_b grace ada zoe"),
        ("?sort=created_at", "zoe ada grace a_b axb linus"),
        ("?sort=email", "a_b ada axb grace linus zoe"),
        ("?sort=-email", "zoe linus grace axb ada a_b"),
        ("?role=admin", "linus grace zoe"),
        ("?role=user", "axb a_b ada"),
        ("?is_active=true", "axb grace ada zoe"),
        ("?is_active=false", "linus a_b"),
        ("?is_active=Yes", "axb grace ada zoe"),
        ("?is_active=OFF", "linus a_b"),
        ("?role=admin&is_active=true&sort=email", "grace zoe"),
        ("?q=ada", "ada"),
        ("?q=ADA%40EXAMPLE.COM", "ada"),
        ("?q=love", "ada"),
        ("?q=ada+love", "ada"),
        ("?q=%C3%84NNE", "a_b"),
        ("?q=%C3%A4nne", "a_b"),
        ("?q=example.org", "linus"),
        ("?q=nobody", ""),
        ("?q=example.com&role=admin&is_active=true&sort=-email", "zoe grace"),
        // What LIKE would take for wildcards.
        ("?q=a_b", "a_b"),
        ("?q=_", "a_b"),
        ("?q=%25", "a_b"),
        ("?q=100%25", "a_b"),
        ("?q=100", "axb a_b"),
        ("?q=%5C", "axb"),
        ("?q=%5Cs", "axb"),
        ("?q=%5C%25", ""),
        ("?q=%27+or+1%3D1+--", ""),
        // In neither of the two, only where one follows the other.
        ("?q=example.comada", ""),
        ("?q=example.com%0Aada", ""),
        ("?q=example.com+ada", ""),
    ] {
        let answer = admin.get(&format!("{USERS}{query}")).await.unwrap();
        assert_eq!(answer.status, 200, "{query}: {answer}");
        let found = who(&answer);
        assert_eq!(found.join(" "), expected, "{query}");
        let count = found.len().to_string();
        assert_eq!((answer.header("x-total-count"), answer.header("link")), (count.as_str(), ""), "{query}");
    }
    app.stop().await.unwrap();
}

#[tokio::test]
async fn following_the_links_visits_everybody_once_in_every_order() {
    let app = App::start().await.unwrap();
    let admin = app.admin().await.unwrap();
    // Several were made in the same microsecond, and others in the next: nothing may be rounded.
    app.database()
        .raw(
            "insert into users (email, full_name, role, is_active, created_at, password_hash)
             select 'u' || lpad(n::text, 3, '0') || '@example.com', 'Person', case n % 3 when 0 then 'admin' else 'user' end, n % 5 <> 0,
                    timestamptz '2024-01-01T00:00:00.123456Z' + n / 4 * interval '1 microsecond', '-'
             from generate_series(1, 60) n",
        )
        .await
        .unwrap();
    for sort in SORTS {
        for filter in ["", "&role=admin", "&is_active=true&q=PERSON"] {
            let list = format!("{USERS}?sort={sort}{filter}");
            let all = admin.get(&list).await.unwrap();
            let pages = admin.pages(&format!("{list}&limit=7")).await.unwrap();
            let visited: Vec<_> = pages.iter().flat_map(who).collect();
            assert_eq!(visited, who(&all), "{list}");
            assert_eq!(visited.iter().collect::<BTreeSet<_>>().len(), visited.len(), "{list}");
            assert_eq!(pages.len(), visited.len().div_ceil(7), "{list}");
            for page in &pages {
                assert_eq!(page.header("x-total-count"), visited.len().to_string(), "{list}");
                if let Some(next) = page.next_page() {
                    assert!(next.starts_with(&format!("{list}&limit=7&cursor=")), "{next}");
                }
            }
        }
        let single = admin.pages(&format!("{USERS}?limit=1&sort={sort}")).await.unwrap();
        assert_eq!(single.len(), 61, "{sort}");
    }
    let (up, down) = (admin.get("/api/admin/users?sort=created_at"), admin.get(USERS));
    let (up, down) = (who(&up.await.unwrap()), who(&down.await.unwrap()));
    assert_eq!(up.into_iter().rev().collect::<Vec<_>>(), down);

    // Somebody who comes and somebody who goes between two pages.
    let first = admin.get("/api/admin/users?sort=email&role=user&limit=3").await.unwrap();
    assert_eq!(who(&first), ["u001", "u002", "u004"]);
    let change = "delete from users where email = 'u004@example.com';
                  insert into users (email, password_hash) values ('u000@example.com', '-'), ('u004a@example.com', '-')";
    app.database().raw(change).await.unwrap();
    let second = admin.get(&first.next_page().unwrap()).await.unwrap();
    assert_eq!(who(&second), ["u004a", "u005", "u007"]);
    app.stop().await.unwrap();
}

#[tokio::test]
async fn a_cursor_leads_on_in_its_own_order_only() {
    let (admin, _) = (admin().await, new_person(None).await);
    for sort in SORTS {
        let next = admin.get(&format!("{USERS}?sort={sort}&limit=1")).await.unwrap().next_page().unwrap();
        for other in SORTS {
            let answer = admin.get(&next.replace(&format!("sort={sort}&"), &format!("sort={other}&"))).await.unwrap();
            let refused: &[&str] = if other == sort { &[] } else { &["query.cursor"] };
            assert_eq!(answer.refused(), refused, "{next} with {other}: {answer}");
        }
        // Without its order it is one of newest first.
        let answer = admin.get(&next.replace(&format!("sort={sort}&"), "")).await.unwrap();
        assert_eq!(answer.status, if sort == "-created_at" { 200 } else { 422 }, "{next}: {answer}");
    }
}

#[tokio::test]
async fn a_changed_cursor_is_refused() {
    let (admin, _) = (admin().await, new_person(None).await);
    for sort in SORTS {
        let next = admin.get(&format!("{USERS}?sort={sort}&limit=1")).await.unwrap().next_page().unwrap();
        let (before, cursor) = next.split_once("cursor=").unwrap();
        for at in [0, cursor.len() / 2, cursor.len() - 1] {
            let mut changed = cursor.as_bytes().to_vec();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let changed = format!("{before}cursor={}", String::from_utf8(changed).unwrap());
            let answer = admin.get(&changed).await.unwrap();
            assert_eq!(answer.refused(), ["query.cursor"], "{changed} for {next}: {answer}");
        }
    }
}

#[tokio::test]
async fn what_is_no_filter_is_refused() {
    let admin = admin().await;
    let answer = admin.get("/api/admin/users?role=king&is_active=maybe&sort=name&q=a").await.unwrap();
    assert_eq!(answer.refused(), ["query.is_active", "query.role", "query.sort"], "{answer}");
    assert_eq!(answer.code(), "validation_error");
    for (query, refused) in [
        ("role=ADMIN", "role"),
        ("role=user,admin", "role"),
        ("is_active=TRU", "is_active"),
        ("is_active=2", "is_active"),
        ("sort=full_name", "sort"),
        ("sort=--email", "sort"),
        ("sort=%2Bemail", "sort"),
        ("sort=email;drop", "sort"),
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("cursor=x", "cursor"),
    ] {
        let answer = admin.get(&format!("{USERS}?{query}")).await.unwrap();
        assert_eq!(answer.refused(), [format!("query.{refused}")], "{query}: {answer}");
    }
    // One character that folding makes eighteen of.
    let longest = "%EF%B7%BA".repeat(254);
    assert_eq!(admin.get(&format!("{USERS}?q={longest}")).await.unwrap().status, 200);
    assert_eq!(admin.get(&format!("{USERS}?q={longest}a")).await.unwrap().refused(), ["query.q"]);
    // The last of several counts.
    assert_eq!(admin.get(&format!("{USERS}?limit=0&limit=1")).await.unwrap().status, 200);
    assert_eq!(admin.get(&format!("{USERS}?limit=&cursor=")).await.unwrap().refused(), ["query.cursor", "query.limit"]);
}

#[tokio::test]
async fn a_search_for_what_no_text_can_hold_is_no_mistake_of_ours() {
    let admin = admin().await;
    for q in ["%00", "a%00b", "%ff", "%F0%9F", "%ED%A0%80"] {
        let answer = admin.get(&format!("{USERS}?q={q}")).await.unwrap();
        assert!([200, 422].contains(&answer.status.as_u16()), "{q}: {answer}");
    }
    let answer = admin.get(&format!("{USERS}?q={}", "x".repeat(4000))).await.unwrap();
    assert!([200, 422].contains(&answer.status.as_u16()), "{answer}");
}

#[tokio::test]
async fn without_a_limit_there_are_up_to_ten_thousand() {
    let app = App::start().await.unwrap();
    let admin = app.admin().await.unwrap();
    let fill =
        "insert into users (email, password_hash) select n || '@example.com', '-' from generate_series(1, 9999) n";
    app.database().raw(fill).await.unwrap();
    let answer = admin.get(USERS).await.unwrap();
    assert_eq!((answer.header("x-total-count"), answer.header("link")), ("10000", ""));
    assert_eq!(who(&answer).len(), 10_000);

    let more =
        "insert into users (email, password_hash) select n || '@example.com', '-' from generate_series(10001, 10003) n";
    app.database().raw(more).await.unwrap();
    let pages = admin.pages(USERS).await.unwrap();
    let sizes: Vec<_> = pages.iter().map(|page| who(page).len()).collect();
    assert_eq!(sizes, [10_000, 3]);
    assert_eq!(pages[0].header("x-total-count"), "10000+");
    let filtered = admin.get("/api/admin/users?q=0003%40").await.unwrap();
    assert_eq!((filtered.header("x-total-count"), who(&filtered).join(" ").as_str()), ("1", "10003"));
    app.stop().await.unwrap();
}
