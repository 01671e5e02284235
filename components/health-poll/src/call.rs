//! The call of the application.

use wasip2::clocks::monotonic_clock::Duration;
use wasip2::http::outgoing_handler;
use wasip2::http::types::{Fields, IncomingResponse, Method, OutgoingRequest, RequestOptions, Scheme};

const PATH: &str = "/internal/tick";

/// Until the application accepts a connection.
const CONNECT_TIMEOUT: Duration = 5 * SECOND;
/// Until it has answered: it asks services that may take 5 s, and a database that may take longer. Less than the time until the
/// next call.
const ANSWER_TIMEOUT: Duration = 25 * SECOND;
const SECOND: Duration = 1_000_000_000;

/// Has the application do its regular work.
///
/// # Errors
/// What the log should say.
pub(crate) fn tick(app_url: &str, token: &str) -> Result<(), String> {
    let request = request(app_url, token).ok_or("app_url: is not of the form http://HOST:PORT")?;
    let options = options().ok_or("the host takes no time limits")?;
    let answer = outgoing_handler::handle(request, Some(options)).map_err(|error| failure(&error))?;
    answer.subscribe().block();
    let answer = answer.get().and_then(Result::ok).ok_or("the host gave no answer")?;
    check(&answer.map_err(|error| failure(&error))?)
}

fn request(app_url: &str, token: &str) -> Option<OutgoingRequest> {
    let (scheme, authority) = app_url.split_once("://")?;
    let scheme = match scheme {
        "http" => Scheme::Http,
        "https" => Scheme::Https,
        _ => return None,
    };
    let headers = [
        ("authorization".to_owned(), format!("Bearer {token}").into_bytes()),
        ("user-agent".to_owned(), b"frontdesk".to_vec()),
    ];
    let request = OutgoingRequest::new(Fields::from_list(&headers).ok()?);
    request.set_method(&Method::Post).ok()?;
    request.set_scheme(Some(&scheme)).ok()?;
    request.set_authority(Some(authority.trim_end_matches('/'))).ok()?;
    request.set_path_with_query(Some(PATH)).ok()?;
    Some(request)
}

fn options() -> Option<RequestOptions> {
    let options = RequestOptions::new();
    options.set_connect_timeout(Some(CONNECT_TIMEOUT)).ok()?;
    options.set_first_byte_timeout(Some(ANSWER_TIMEOUT)).ok()?;
    options.set_between_bytes_timeout(Some(ANSWER_TIMEOUT)).ok()?;
    Some(options)
}

fn check(answer: &IncomingResponse) -> Result<(), String> {
    match answer.status() {
        200..=299 => Ok(()),
        401 => Err(format!("{PATH} answers 401: tick_token is another one there")),
        status => Err(format!("{PATH} answers {status}")),
    }
}

fn failure(error: &outgoing_handler::ErrorCode) -> String {
    format!("{PATH} cannot be called: {error:?}")
}
