//! A request of the probe's own.

use http_body_util::BodyExt as _;
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

/// Gets `url=`, which must be answered with a success: what the answer says.
///
/// # Errors
/// When it is not.
pub(crate) async fn ask(question: &Question) -> Result<Value, Error> {
    let response = http::get(question.get("url")?).await?;
    if !response.status().is_success() {
        return Err(Error::other(response.status().to_string()));
    }
    let body = response.into_body().collect().await?.to_bytes();
    Ok(String::from_utf8_lossy(&body).into())
}

/// Gets `url=`: the status of the answer and what it says, or why there is none.
pub(crate) async fn relay(question: &Question) -> Result<Value, Error> {
    let response = match http::get(question.get("url")?).await {
        Ok(response) => response,
        Err(error) => return Ok(json!({"error": format!("{error:?}")})),
    };
    let status = response.status().as_u16();
    let body = response.into_body().collect().await?.to_bytes();
    let said: Value = serde_json::from_slice(&body).unwrap_or_else(|_| String::from_utf8_lossy(&body).into());
    Ok(json!({"status": status, "said": said}))
}
