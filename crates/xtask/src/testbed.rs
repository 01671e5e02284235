//! What the tests and the benchmark run against: a Postgres server on which databases may be made and dropped at will, and
//! keys that are made once.

use std::path::PathBuf;

use anyhow::{Context as _, Result};

use crate::checkout::Checkout;
use crate::database;
use crate::keys::{self, Algorithm, Folder};
use crate::packages;
use crate::postgres::Postgres;

/// A server; the embedded one may stop when this is dropped.
pub struct Server {
    /// A maintenance database, with the right to create others.
    pub url: String,
    /// For people.
    pub description: String,
    _embedded: Option<Postgres>,
}

impl Server {
    /// The one of `FRONTDESK_TEST_DATABASE_URL`, or the embedded one. Never the application's own: what is there stays.
    pub fn find_or_start(checkout: &Checkout) -> Result<Self> {
        match std::env::var("FRONTDESK_TEST_DATABASE_URL") {
            Ok(url) if !url.trim().is_empty() => {
                let description = format!("Postgres at {} (FRONTDESK_TEST_DATABASE_URL)", database::describe(&url));
                Ok(Self { url, description, _embedded: None })
            }
            _ => {
                let postgres = Postgres::find_or_start(checkout)?;
                let (url, description) = (postgres.superuser_url(), postgres.describe());
                Ok(Self { url, description, _embedded: Some(postgres) })
            }
        }
    }
}

/// The folder with one subfolder per algorithm (`eddsa`, `rs256`), each with `signing_key.pem` and `verifying_keys.pem`. RSA
/// keys take seconds to make, so they are kept; they sign nothing outside tests.
pub fn keys(checkout: &Checkout) -> Result<PathBuf> {
    let home = checkout.local("test-keys")?;
    for algorithm in [Algorithm::EdDsa, Algorithm::Rs256] {
        let folder = folder(checkout, algorithm)?;
        if !folder.signing_key().is_file() {
            println!("Generating {} keys for tests (once)", algorithm.name());
            folder.write(&keys::generate(algorithm)?)?;
        }
    }
    Ok(home)
}

/// The test keys of one algorithm.
pub fn folder(checkout: &Checkout, algorithm: Algorithm) -> Result<Folder> {
    Ok(Folder::new(checkout.local("test-keys")?.join(algorithm.name().to_ascii_lowercase())))
}

/// Sees to it that there is the program `openssl`, whose signatures the tests verify.
pub fn openssl() -> Result<()> {
    if packages::on_path("openssl").is_some() {
        return Ok(());
    }
    let missing = "the tests verify signatures of the program openssl, which is not on the PATH: `sudo apt-get install openssl`, \
                   `sudo dnf install openssl` or `brew install openssl` installs it";
    packages::install(&["openssl"], missing)
}

/// The program that drives Chromium for the tests; it is installed with Chromium, if need be.
pub fn chromedriver() -> Result<PathBuf> {
    let missing = "the tests drive Chromium through chromedriver, which is not on the PATH: \
                   `sudo apt-get install chromium chromium-driver`, `sudo dnf install chromium chromedriver` or \
                   `brew install --cask chromium chromedriver` installs them";
    if let Some(path) = packages::on_path("chromedriver") {
        return Ok(path);
    }
    packages::install(&["chromium", "chromium-driver"], missing)?;
    packages::on_path("chromedriver").context(missing)
}
