//! The rules of the house that no compiler knows: what `spin.toml` grants and where it routes, what the schema promises, what
//! the statements ask of it, and that the documentation's links and citations lead somewhere. No host runs; the schema is that
//! of a clone of the migrated template.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

mod capabilities;
mod components;
mod documentation;
mod manifest;
mod names;
mod neighbours;
mod openapi;
mod schema;
mod sources;
mod statements;

use std::collections::BTreeSet;
use std::path::PathBuf;

use e2e::Database;
use sqlx::PgConnection;

/// How a snapshot in a file is brought up to date; insta prints it with the difference.
const HOW_TO_UPDATE: &str = "When the change is meant: INSTA_UPDATE=always scripts/test -p e2e --test house";

/// The root of the checkout.
fn checkout() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

fn read(path: &str) -> String {
    std::fs::read_to_string(checkout().join(path)).unwrap()
}

fn spin_toml() -> toml::Table {
    read("spin.toml").parse().unwrap()
}

/// Works on a database that has just been migrated.
async fn migrated<T>(work: impl AsyncFnOnce(&mut PgConnection) -> T) -> T {
    let database = Database::clone_template().await.unwrap();
    let result = work(&mut database.connect().await.unwrap()).await;
    database.drop().await.unwrap();
    result
}

/// Fails unless `snapshots/NAME.snap` says the same.
fn assert_checked_in(name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_description(HOW_TO_UPDATE);
    settings.set_omit_expression(true);
    settings.set_prepend_module_to_snapshot(false);
    settings.bind(|| insta::assert_snapshot!(name, text));
}

/// Fails with what is in one of two places only.
#[track_caller]
fn assert_same(places: [&str; 2], contents: [BTreeSet<String>; 2]) {
    let ([here, there], [one, other]) = (places, contents);
    let missing_there = one.difference(&other).map(|name| format!("{name} is in {here} and not in {there}"));
    let missing_here = other.difference(&one).map(|name| format!("{name} is in {there} and not in {here}"));
    assert_none(&missing_there.chain(missing_here).collect::<Vec<_>>());
}

/// Fails with all of them, a line each.
#[track_caller]
fn assert_none(problems: &[String]) {
    assert!(problems.is_empty(), "\n{}", problems.join("\n"));
}
