//! Sharing documents within groups.

use std::fs;
use std::time::Duration;

use devservices::documents::Documents;
use devservices::settings::Settings;
use serde_json::json;
use uuid::Uuid;

use crate::support::{Desk, expect, files, id};

#[tokio::test]
async fn who_is_in_the_group_sees_what_is_shared_with_it_until_it_no_longer_is() {
    let desk = Desk::start().await;
    let (sales, others) = (Uuid::now_v7(), Uuid::now_v7());
    let (owner, member, stranger) = (desk.member(&[sales]), desk.member(&[others, sales]), desk.member(&[others]));
    let category = expect(201, owner.post("/documents/categories").json(&json!({ "name": "private" }))).await;
    let upload = owner.post(&format!("/documents?category={}", id(&category))).header("x-file-name", "a").body("abc");
    let document = expect(201, upload).await;
    member.upload("own", "abc").await;
    let path = format!("/documents/{}", id(&document));
    let (content, share) = (format!("{path}/content"), format!("{path}/groups/{sales}"));
    // Twice is once.
    expect(204, owner.put(&share)).await;
    expect(204, owner.put(&share)).await;

    let mut seen = document.clone();
    seen["groups"] = json!([sales]);
    assert_eq!(expect(200, owner.get(&path)).await, seen);
    // How the owner sorts it is the owner's affair.
    seen["category"] = json!(null);
    assert_eq!(expect(200, member.get(&path)).await, seen);
    assert_eq!(member.names("/documents").await, ["own", "a"]);
    assert_eq!(owner.names("/documents").await, ["a"]);
    assert_eq!(member.get(&content).send().await.unwrap().text().await.unwrap(), "abc");
    assert_eq!(stranger.names("/documents").await, Vec::<String>::new());
    for hidden in [&path, &content] {
        expect(404, stranger.get(hidden)).await;
    }

    expect(204, owner.delete(&share)).await;
    expect(204, owner.delete(&share)).await;
    assert_eq!(member.names("/documents").await, ["own"]);
    for hidden in [&path, &content] {
        expect(404, member.get(hidden)).await;
    }
    assert_eq!(expect(200, owner.get(&path)).await, document);
}

#[tokio::test]
async fn only_its_owner_shares_or_deletes_a_document() {
    let desk = Desk::start().await;
    let (sales, others) = (Uuid::now_v7(), Uuid::now_v7());
    let (owner, member, stranger) = (desk.member(&[sales]), desk.member(&[sales, others]), desk.member(&[others]));
    let document = owner.upload("a", "abc").await;
    let path = format!("/documents/{}", id(&document));
    let (share, share_on) = (format!("{path}/groups/{sales}"), format!("{path}/groups/{others}"));
    let refused = json!({ "detail": "A document is shared with a group that its owner is in, one of the first 100" });
    assert_eq!(expect(403, owner.put(&share_on)).await, refused);
    expect(404, member.put(&share)).await;
    expect(204, owner.put(&share)).await;
    for request in [member.put(&share_on), member.delete(&share), member.delete(&path)] {
        assert_eq!(expect(403, request).await, json!({ "detail": "It is another's document" }));
    }
    for request in [stranger.put(&share_on), stranger.delete(&share), stranger.delete(&path)] {
        expect(404, request).await;
    }
    for malformed in [format!("{path}/groups/none"), format!("/documents/none/groups/{sales}")] {
        expect(404, owner.put(&malformed)).await;
        expect(404, owner.delete(&malformed)).await;
    }
    assert_eq!(member.names("/documents").await, ["a"]);
}

#[tokio::test]
async fn what_two_groups_share_is_seen_once_and_each_sees_its_own_part() {
    let desk = Desk::start().await;
    let (sales, press) = (Uuid::now_v7(), Uuid::now_v7());
    let (owner, both, one) = (desk.member(&[sales, press]), desk.member(&[press, sales]), desk.member(&[press]));
    let document = owner.upload("a", "abc").await;
    let path = format!("/documents/{}", id(&document));
    for group in [sales, press] {
        expect(204, owner.put(&format!("{path}/groups/{group}"))).await;
    }
    assert_eq!(both.names("/documents").await, ["a"]);
    assert_eq!(owner.names("/documents").await, ["a"]);
    assert_eq!(expect(200, both.get(&path)).await["groups"], json!([sales, press]));
    assert_eq!(expect(200, one.get(&path)).await["groups"], json!([press]));
    expect(204, owner.delete(&format!("{path}/groups/{press}"))).await;
    assert_eq!(one.names("/documents").await, Vec::<String>::new());
    assert_eq!(both.names("/documents").await, ["a"]);
}

#[tokio::test]
async fn who_leaves_the_group_sees_it_no_more_and_an_owner_who_left_can_share_it_no_longer() {
    let desk = Desk::start().await;
    let sales = Uuid::now_v7();
    let (mut owner, mut member) = (desk.member(&[sales]), desk.member(&[sales]));
    let document = owner.upload("a", "abc").await;
    let share = format!("/documents/{}/groups/{sales}", id(&document));
    expect(204, owner.put(&share)).await;
    owner.groups.clear();
    assert_eq!(member.names("/documents").await, ["a"]);
    expect(204, owner.delete(&share)).await;
    expect(403, owner.put(&share)).await;
    assert_eq!(member.names("/documents").await, Vec::<String>::new());
    owner.groups.push(sales);
    expect(204, owner.put(&share)).await;
    member.groups.clear();
    assert_eq!(member.names("/documents").await, Vec::<String>::new());
}

#[tokio::test]
async fn a_deleted_document_leaves_nothing_in_its_groups_and_sharing_does_not_bring_it_back() {
    let desk = Desk::start().await;
    let groups: Vec<Uuid> = std::iter::repeat_with(Uuid::now_v7).take(20).collect();
    let owner = desk.member(&groups);
    for _ in 0..20 {
        let document = owner.upload("a", "abc").await;
        let path = format!("/documents/{}", id(&document));
        let shares = groups.iter().map(|group| owner.put(&format!("{path}/groups/{group}")).send());
        let (shares, deletion) = tokio::join!(futures::future::join_all(shares), owner.delete(&path).send());
        assert_eq!(deletion.unwrap().status(), 204);
        for share in shares {
            let status = share.unwrap().status();
            assert!(status == 204 || status == 404, "{status}");
        }
        expect(404, owner.get(&path)).await;
    }
    assert_eq!(owner.names("/documents").await, Vec::<String>::new());
    let left = fs::read_dir(desk.folder.path().join("groups")).unwrap().map(|group| group.unwrap().path());
    for group in left {
        assert_eq!(fs::read_dir(group).unwrap().count(), 0);
    }
    assert_eq!(fs::read_dir(desk.folder.path().join(owner.id.to_string())).unwrap().count(), 0);
}

#[tokio::test]
async fn a_link_that_the_document_does_not_agree_to_opens_nothing() {
    let desk = Desk::start().await;
    let sales = Uuid::now_v7();
    let (owner, member) = (desk.member(&[sales]), desk.member(&[sales]));
    let document = owner.upload("a", "abc").await;
    let group = desk.folder.path().join("groups").join(sales.to_string());
    fs::create_dir_all(&group).unwrap();
    let name = format!("{}.json", id(&document));
    std::os::unix::fs::symlink(format!("../../{}/{name}", owner.id), group.join(&name)).unwrap();
    expect(404, member.get(&format!("/documents/{}", id(&document)))).await;
    assert_eq!(member.names("/documents").await, Vec::<String>::new());
    // As a sharing that did not come to its end leaves it: it can be done anew.
    expect(204, owner.put(&format!("/documents/{}/groups/{sales}", id(&document)))).await;
    assert_eq!(member.names("/documents").await, ["a"]);
    assert!(files(desk.folder.path()).contains(&name));

    // At the next start, links to nothing are removed and what is not ours is left alone.
    let next = tempfile::TempDir::new().unwrap();
    let group = next.path().join("groups").join(sales.to_string());
    fs::create_dir_all(&group).unwrap();
    fs::write(next.path().join("groups/notes.txt"), "").unwrap();
    std::os::unix::fs::symlink("nowhere", group.join(&name)).unwrap();
    std::os::unix::fs::symlink("nowhere", group.join("elsewhere")).unwrap();
    Documents::open(next.path(), Settings::new(None, "documents", Duration::ZERO)).unwrap();
    assert_eq!(files(&next.path().join("groups")), ["elsewhere"]);
}
