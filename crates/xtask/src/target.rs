//! The application's database, for commands that work on it.

use anyhow::Result;

use crate::checkout::Checkout;
use crate::postgres::Postgres;
use crate::variables::Given;

/// A database that can be reached as long as this is kept.
pub struct Target {
    url: String,
    embedded: Option<Postgres>,
}

impl Target {
    /// The one that the operator's variables name; else the embedded one, which is started when it is not running. There is no
    /// flag for it: the URL holds a password, and everybody can read a program's arguments.
    pub fn open(checkout: &Checkout) -> Result<Self> {
        match Given::read(checkout)?.get("database_url") {
            Some(url) => Ok(Self { url: url.to_owned(), embedded: None }),
            None => {
                let postgres = Postgres::find_or_start(checkout)?;
                Ok(Self { url: postgres.application_url()?, embedded: Some(postgres) })
            }
        }
    }

    /// The URL, with the password.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The server, when it is the embedded one.
    pub(crate) fn embedded(&self) -> Option<&Postgres> {
        self.embedded.as_ref()
    }
}
