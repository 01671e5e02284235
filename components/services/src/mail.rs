//! Sends the mails that wait in the outbox. One that fails stays there and is tried again.

use frontdesk::{Result, log};

use crate::state::Services;
use crate::store;

/// How mails are sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Transport {
    /// Not at all: they wait until it is said how, or are of no use any more.
    Off,
    /// They are printed, secrets and all: for development.
    Log,
}

impl Transport {
    /// From the variable `mail_transport`.
    ///
    /// # Errors
    /// When there is no such transport.
    pub fn parse(value: &str) -> std::result::Result<Self, String> {
        match value {
            "off" => Ok(Self::Off),
            "log" => Ok(Self::Log),
            _ => Err("is neither off nor log".to_owned()),
        }
    }
}

/// Sends what is due.
pub(crate) async fn send(services: &Services) -> Result<()> {
    let db = services.app().db();
    if services.mail_transport() == Transport::Off {
        return Ok(());
    }
    let mails = store::claim_mails(db).await?;
    if mails.is_empty() {
        return Ok(());
    }
    for mail in &mails {
        log::write(&serde_json::json!({
            "level": "info",
            "component": "services",
            "mail.to": mail.recipient,
            "mail.subject": mail.subject,
            "mail.body": mail.body,
        }));
    }
    store::delete_mails(db, mails.iter().map(|mail| mail.id.to_string()).collect()).await?;
    Ok(())
}
