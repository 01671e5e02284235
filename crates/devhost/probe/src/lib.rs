//! A component that does what it is told, so that the tests in `crates/devhost/tests` can see what the host around it does.
//!
//! What to do is in the query, `?do=instance`; the path only decides which trigger, and so which component, is reached. The
//! answers are JSON. It is built as Frontdesk's own components are, and is no part of Frontdesk.

mod fetch;
mod instance;
mod postgres;
mod question;

use serde_json::{Value, json};
use spin_sdk::http::{Error, Request, Response};

use crate::question::Question;

/// Does what `request` says.
///
/// # Errors
/// When it is told to fail, or told something that it does not know.
pub async fn answer(request: Request) -> Result<Response<String>, Error> {
    let question = Question::of(&request);
    instance::count();
    let answer = match question.get("do")? {
        "component" => json!(std::env::var("PROBE").unwrap_or_default()),
        "headers" => headers(&request),
        "uri" => json!(request.uri().to_string()),
        "instance" => instance::describe(),
        "hold" => instance::hold(&question, request).await?,
        "sleep" => instance::sleep(&question).await?,
        "burn" => instance::burn(&question)?,
        "trap" => instance::trap(&question),
        "fail" => return Err(instance::fail()),
        "fetch" => fetch::fetch(&question).await?,
        "relay" => fetch::relay(&question).await?,
        "ask" => fetch::ask(&question).await?,
        "query" => postgres::query(&question).await?,
        "query-kept" => postgres::query_kept(&question).await?,
        "drain-pool" => postgres::drain_pool(&question).await?,
        unknown => return Err(Error::other(format!("do={unknown} means nothing"))),
    };
    let body = answer.to_string();
    // Without a length the last chunk is a packet of its own, which a client waits 40 ms for.
    let response = Response::builder().header("content-length", body.len()).header("content-type", "application/json");
    Ok(response.body(body)?)
}

/// Name and value of each header, in the order in which the host gave them.
fn headers(request: &Request) -> Value {
    request
        .headers()
        .iter()
        .map(|(name, value)| json!([name.as_str(), String::from_utf8_lossy(value.as_bytes())]))
        .collect()
}

#[cfg(target_arch = "wasm32")]
#[spin_sdk::http_service]
async fn handle(request: Request) -> Result<Response<String>, Error> {
    answer(request).await
}
