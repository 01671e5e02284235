//! What a crash leaves behind.

use std::fs;
use std::time::Duration;

use devservices::documents::{self, Documents};
use devservices::settings::Settings;
use tempfile::TempDir;
use uuid::Uuid;

use crate::support::{Desk, User, expect, files, id, serve};

fn open(folder: &TempDir) -> anyhow::Result<Documents> {
    Documents::open(folder.path(), Settings::new(None, "documents", Duration::ZERO))
}

#[tokio::test]
async fn leftovers_are_not_listed_and_are_removed_at_the_next_start() {
    let Desk { origin, folder } = Desk::start().await;
    let user = User { http: reqwest::Client::new(), origin, id: Uuid::now_v7(), groups: Vec::new() };
    let kept = user.upload("kept", "abc").await;
    let owner = folder.path().join(user.id.to_string());
    let deleted = Uuid::now_v7().to_string();
    // An upload and a file of JSON that did not end, content whose document was deleted, and what is not ours;
    // below, what was broken by hand.
    for name in ["incoming-a", "incoming-b", &deleted, "notes.txt"] {
        fs::write(owner.join(name), "half").unwrap();
    }
    let broken = format!("{}.json", Uuid::now_v7());
    fs::write(owner.join(&broken), "{").unwrap();
    assert_eq!(user.names("/documents").await, ["kept"]);
    expect(404, user.get(&format!("/documents/{deleted}"))).await;
    expect(404, user.get(&format!("/documents/{deleted}/content"))).await;

    // As the next process finds it: the first still has the lock of the folder.
    let next = TempDir::new().unwrap();
    let copy = next.path().join(user.id.to_string());
    fs::create_dir(&copy).unwrap();
    for name in files(folder.path()) {
        fs::copy(owner.join(&name), copy.join(&name)).unwrap();
    }
    let origin = serve(documents::router(open(&next).unwrap())).await;
    let mut expected = vec![id(&kept).to_owned(), format!("{}.json", id(&kept)), "notes.txt".to_owned(), broken];
    expected.sort();
    assert_eq!(files(next.path()), expected);
    assert_eq!(User { origin, ..user }.names("/documents").await, ["kept"]);
}

#[tokio::test]
async fn a_folder_has_one_process() {
    let folder = TempDir::new().unwrap();
    let first = open(&folder).unwrap();
    let error = open(&folder).err().unwrap();
    assert!(format!("{error:#}").contains("another process uses the folder"), "{error:#}");
    drop(first);
    open(&folder).unwrap();
}
