//! A request of the probe's own.

use serde_json::{Value, json};
use spin_sdk::http::{self, Error};

use crate::question::Question;

/// Gets `url=`: the status of the answer, or why there is none.
pub(crate) async fn fetch(question: &Question) -> Result<Value, Error> {
    Ok(match http::get(question.get("url")?).await {
        Ok(response) => json!({"status": response.status().as_u16()}),
        Err(error) => json!({"error": format!("{error:?}")}),
    })
}
