//! GET /api/admin/groups.

use e2e::{Answer, App};
use insta::assert_snapshot;
use serde_json::json;

use super::{GROUPS, new_group};
use crate::{admin, new_person};

fn names(answer: &Answer) -> Vec<String> {
    let groups = answer.json();
    groups.as_array().unwrap().iter().map(|group| group["name"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn groups_are_listed_by_name_without_case_each_with_how_many_are_in_it() {
    let app = App::start().await.unwrap();
    let admin = app.admin().await.unwrap();
    let answer = admin.get(GROUPS).await.unwrap();
    assert_eq!((answer.status.as_u16(), answer.json()), (200, json!([])));
    assert_eq!((answer.header("x-total-count"), answer.header("link")), ("0", ""));

    for name in ["beta", "Gamma", "alpha", "Delta"] {
        assert_eq!(admin.post(GROUPS, &json!({"name": name})).await.unwrap().status, 201);
    }
    let fill = "insert into group_members (group_id, user_id)
                select groups.id, users.id from groups, users where name in ('alpha', 'Delta')";
    app.database().raw(fill).await.unwrap();
    let answer = admin.get(GROUPS).await.unwrap();
    assert_eq!(names(&answer), ["alpha", "beta", "Delta", "Gamma"]);
    assert_eq!((answer.header("x-total-count"), answer.header("link")), ("4", ""));
    let counts: Vec<_> = answer.json().as_array().unwrap().iter().map(|group| group["member_count"].clone()).collect();
    assert_eq!(counts, [json!(1), json!(0), json!(1), json!(0)]);
    app.database().raw("delete from groups where name <> 'alpha'").await.unwrap();
    assert_snapshot!(admin.get(GROUPS).await.unwrap(), @r#"
    200 [
      {
        "created_at": "[time]",
        "description": null,
        "id": "[uuid]",
        "member_count": 1,
        "name": "alpha",
        "updated_at": "[time]"
      }
    ]
    "#);
    app.stop().await.unwrap();
}

#[tokio::test]
async fn following_the_links_visits_every_group_once() {
    let app = App::start().await.unwrap();
    let admin = app.admin().await.unwrap();
    // Half of them in capitals, so that a page that ended by the name as it is written would skip some.
    let fill = "insert into groups (name)
                select case n % 2 when 0 then 'g' else 'G' end || lpad(n::text, 3, '0') from generate_series(1, 25) n";
    app.database().raw(fill).await.unwrap();
    let pages = admin.pages("/api/admin/groups?x=a%20b&limit=10").await.unwrap();
    let sizes: Vec<_> = pages.iter().map(|page| names(page).len()).collect();
    assert_eq!(sizes, [10, 10, 5]);
    let visited: Vec<_> = pages.iter().flat_map(names).map(|name| name.to_lowercase()).collect();
    assert_eq!(visited, (1..=25).map(|n| format!("g{n:03}")).collect::<Vec<_>>());
    for page in &pages {
        assert_eq!(page.header("x-total-count"), "25");
        if let Some(next) = page.next_page() {
            assert!(next.starts_with("/api/admin/groups?x=a+b&limit=10&cursor="), "{next}");
        }
    }
    for limit in [1, 24, 25, 26, 200] {
        let pages = admin.pages(&format!("/api/admin/groups?limit={limit}")).await.unwrap();
        let visited: Vec<_> = pages.iter().flat_map(names).collect();
        assert_eq!((pages.len(), visited.len()), (25_usize.div_ceil(limit), 25), "limit={limit}");
    }

    // What a page ended with may be gone when the next one is asked for, and something else be there.
    let first = admin.get("/api/admin/groups?limit=10").await.unwrap();
    app.database().raw("delete from groups where lower(name) = 'g010'").await.unwrap();
    app.database().raw("insert into groups (name) values ('G009b'), ('g010b')").await.unwrap();
    let second = admin.get(&first.next_page().unwrap()).await.unwrap();
    assert_eq!(names(&second)[..3], ["g010b", "G011", "g012"]);
    app.stop().await.unwrap();
}

#[tokio::test]
async fn without_a_limit_there_are_up_to_ten_thousand() {
    let app = App::start().await.unwrap();
    let admin = app.admin().await.unwrap();
    let fill = "insert into groups (name) select 'group ' || lpad(n::text, 5, '0') from generate_series(1, 10000) n";
    app.database().raw(fill).await.unwrap();
    let answer = admin.get(GROUPS).await.unwrap();
    assert_eq!((answer.header("x-total-count"), answer.header("link")), ("10000", ""));
    assert_eq!(names(&answer).len(), 10_000);

    app.database().raw("insert into groups (name) values ('group 10001'), ('group 10002')").await.unwrap();
    let pages = admin.pages(GROUPS).await.unwrap();
    let sizes: Vec<_> = pages.iter().map(|page| names(page).len()).collect();
    assert_eq!(sizes, [10_000, 2]);
    assert_eq!(pages[0].header("x-total-count"), "10000+");
    assert_eq!(names(&pages[1]), ["group 10001", "group 10002"]);
    app.stop().await.unwrap();
}

#[tokio::test]
async fn a_limit_that_is_none_is_refused() {
    let admin = admin().await;
    assert_snapshot!(admin.get("/api/admin/groups?limit=201").await.unwrap(), @r#"
    422 {
      "code": "validation_error",
      "detail": [
        {
          "loc": [
            "query",
            "limit"
          ],
          "msg": "limit is a number from 1 to 200",
          "type": "limit_out_of_range"
        }
      ],
      "request_id": "[uuid]"
    }
    "#);
    for limit in ["0", "-1", "x", "1e2", "1.5", "99999999999999999999"] {
        let answer = admin.get(&format!("/api/admin/groups?limit={limit}")).await.unwrap();
        assert_eq!(answer.refused(), ["query.limit"], "{limit}: {answer}");
    }
    assert_eq!(
        admin.get("/api/admin/groups?limit=0&cursor=x").await.unwrap().refused(),
        ["query.cursor", "query.limit"]
    );
}

#[tokio::test]
async fn a_changed_cursor_is_refused() {
    let (admin, _, _) = (admin().await, new_group().await, new_group().await);
    let next = admin.get("/api/admin/groups?limit=1").await.unwrap().next_page().unwrap();
    assert_eq!(admin.get(&next).await.unwrap().status, 200);
    let (before, cursor) = next.split_once("cursor=").unwrap();
    for at in [0, cursor.len() / 2, cursor.len() - 1] {
        let mut changed = cursor.as_bytes().to_vec();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        let changed = format!("{before}cursor={}", String::from_utf8(changed).unwrap());
        let answer = admin.get(&changed).await.unwrap();
        assert_eq!(answer.refused(), ["query.cursor"], "{changed} for {next}: {answer}");
    }
    for cursor in [&cursor[1..], &cursor[..cursor.len() - 2], "x", "%00", "null"] {
        let answer = admin.get(&format!("{before}cursor={cursor}")).await.unwrap();
        assert_eq!(answer.refused(), ["query.cursor"], "{cursor}: {answer}");
    }
}

#[tokio::test]
async fn a_cursor_of_another_list_is_refused() {
    let (admin, _, _, _) = (admin().await, new_group().await, new_group().await, new_person(None).await);
    for (from, to) in [("groups", "users"), ("users", "groups")] {
        let next = admin.get(&format!("/api/admin/{from}?limit=1")).await.unwrap().next_page().unwrap();
        let answer = admin.get(&next.replacen(from, to, 1)).await.unwrap();
        assert_eq!(answer.refused(), ["query.cursor"], "{next} on {to}: {answer}");
    }
}
