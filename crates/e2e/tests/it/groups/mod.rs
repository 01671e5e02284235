//! /api/admin/groups.

mod add_member;
mod create;
mod delete;
mod list;
mod remove_member;
mod show;
mod update;

use e2e::{Answer, Caller};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{admin, app};

const GROUPS: &str = "/api/admin/groups";

/// What is no id; some of it is no text either.
const NO_IDS: [&str; 6] = ["5", "nonsense", "%00", "%ff", "00000000-0000-4000-8000-00000000000g", "%20"];

/// A name that no group has yet; snapshots replace it.
fn new_name() -> String {
    Uuid::new_v4().to_string()
}

/// A new group, as it was answered.
async fn new_group() -> Value {
    let answer =
        admin().await.post(GROUPS, &json!({"name": new_name(), "description": "What it is for"})).await.unwrap();
    assert_eq!(answer.status, 201, "{answer}");
    answer.json()
}

/// The path of a group.
fn path(group: &Value) -> String {
    format!("{GROUPS}/{}", group["id"].as_str().unwrap())
}

/// A path of a group that nobody has made.
fn unknown() -> String {
    format!("{GROUPS}/{}", Uuid::new_v4())
}

/// The path of somebody's membership.
fn membership(group: &Value, user: &Value) -> String {
    format!("{}/members/{}", path(group), user["id"].as_str().unwrap())
}

/// POST without a body.
async fn add(caller: &Caller, membership: &str) -> Answer {
    caller.send(caller.request(Method::POST, membership)).await.unwrap()
}

/// Makes it look as if a group had been made and changed a day ago, so that what changes now is later.
async fn age(group: &Value) {
    let statement =
        "update groups set created_at = created_at - interval '1 day', updated_at = updated_at - interval '1 day'
                     where id = $1::uuid";
    assert_eq!(app().await.database().execute(statement, group["id"].as_str().unwrap()).await.unwrap(), 1);
}
