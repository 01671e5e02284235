use axum::extract::State;
use frontdesk::access::Anonymous;
use frontdesk::openapi::{AnonymousRefusals, BodyRefusals, Failures, LimitRefusals};
use frontdesk::{Error, ErrorBody, FormOrJson, Json, Result};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::authenticate::{Browser, authenticate};
use crate::state::Auth;
use crate::views::TokenView;
use crate::visitor::Visitor;

/// The credentials, under the names that OAuth2 gives them.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"username": "ada@example.com", "password": "Correct-Horse", "grant_type": "password"}))]
pub(crate) struct Login {
    /// The e-mail address.
    #[schema(example = "ada@example.com")]
    username: String,
    /// The password.
    #[schema(format = Password)]
    password: String,
    /// Always `password`. It may be absent or `null`.
    grant_type: Option<String>,
}

/// Sign in and get a pair of tokens
///
/// For clients that are not browsers. The body is the OAuth2 password form, or JSON with the same fields. `scope`, `client_id`
/// and `client_secret` are ignored. The response sets no cookie.
///
/// An unknown e-mail address, a wrong password and an inactive account return the same response. After too many failed tries the
/// response is 429. The tries are counted by account, IP address and device.
#[utoipa::path(post, path = "/api/auth/login", tag = "auth", operation_id = "auth.login",
    request_body(content((Login = "application/x-www-form-urlencoded"), (Login = "multipart/form-data"),
        (Login = "application/json"))),
    responses((status = 200, body = TokenView, description = "The tokens of a new session."), AnonymousRefusals, BodyRefusals,
        LimitRefusals, Failures,
        (status = 400, body = ErrorBody, description = "`incomplete_body`\n`unsupported_grant_type`"),
        (status = 401, body = ErrorBody, description = "`invalid_credentials`")))]
pub(crate) async fn login(
    _: Anonymous,
    visitor: Visitor,
    State(auth): State<Auth>,
    FormOrJson(input): FormOrJson<Login>,
) -> Result<Json<TokenView>> {
    if input.grant_type.as_ref().is_some_and(|grant| grant != "password") {
        return Err(Error::BadRequest("unsupported_grant_type", "The only grant type is password"));
    }
    // A program has no cookies. A browser that has its id is known from then on here too.
    let browser = visitor.devices.first().map(|device| Browser { device: *device, sessions: Vec::new() });
    let begun = authenticate(&auth, (&input.username, &input.password), &visitor, browser.as_ref()).await?;
    Ok(Json(TokenView::new(&auth, &begun).await?))
}
