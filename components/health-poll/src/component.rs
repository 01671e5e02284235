//! The export that the cron trigger calls, in a fresh instance each time.

use std::io::Write as _;

use bindings::Guest;
use serde_json::json;

use crate::call;

mod bindings {
    #![allow(missing_docs, unreachable_pub, unsafe_code, clippy::all, reason = "generated from WIT")]

    spin_sdk::wit_bindgen::generate!({
        path: "../../wit/spin-cron@3.0.0",
        world: "spin-cron",
        runtime_path: "::spin_sdk::wit_bindgen::rt",
    });

    export!(Component with_types_in self);

    pub(crate) struct Component;
}

impl Guest for bindings::Component {
    async fn handle_cron_event(_: bindings::Metadata) -> Result<(), bindings::Error> {
        if let Err(reason) = run().await {
            // Not an error of this function as well: devhost would tell it twice, and the cron plugin not at all.
            let line = json!({"level": "error", "component": "health-poll", "error.detail": reason});
            let _ = std::io::stdout().write_all(format!("{line}\n").as_bytes());
        }
        Ok(())
    }
}

async fn run() -> Result<(), String> {
    let (app_url, token) = (variable("app_url").await?, variable("tick_token").await?);
    call::tick(&app_url, &token)
}

async fn variable(name: &str) -> Result<String, String> {
    match spin_sdk::variables::get(name).await {
        Ok(value) if !value.trim().is_empty() => Ok(value.trim().to_owned()),
        Ok(_) => Err(format!("{name}: is not set")),
        // The provider's own text may hold its address or the value: it is not repeated.
        Err(_) => Err(format!("{name}: cannot be read from the variables provider")),
    }
}
