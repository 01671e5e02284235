//! Seals what the audit log has had since: see [`frontdesk::audit`].

use frontdesk::audit::hex;
use frontdesk::{Result, log};

use crate::state::Services;
use crate::store::{self, Batch, Head};

/// The most that one call does, in batches: what is left is the next one's.
const MAX_BATCHES: usize = 20;

/// Seals what is there, and says in the log where the chain ends now: who changes the database cannot change that.
pub(crate) async fn seal(services: &Services) -> Result<()> {
    let mut head = None;
    let outcome = seal_batches(services, &mut head).await;
    // Also when a later batch has failed: those before are sealed.
    if let Some(Head { seq, seal }) = head {
        log::write(&serde_json::json!({
            "level": "info",
            "component": "services",
            "audit.seq": seq,
            "audit.seal": hex(&seal),
        }));
    }
    outcome
}

async fn seal_batches(services: &Services, head: &mut Option<Head>) -> Result<()> {
    let (db, key) = (services.app().db(), services.audit_key());
    for _ in 0..MAX_BATCHES {
        let unsealed = store::list_unsealed(db).await?;
        let is_full = unsealed.len() >= store::BATCH;
        let Some(batch) = Batch::seal(unsealed, key) else { break };
        let Some(moved) = store::store_seals(db, batch).await? else {
            // Another one was at it at the same time, and goes on.
            break;
        };
        *head = Some(moved);
        if !is_full {
            break;
        }
    }
    Ok(())
}
