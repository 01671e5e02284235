//! Sign in with e-mail and password: OAuth2's password form, or the same fields as JSON.

use axum::extract::State;
use frontdesk::access::Anonymous;
use frontdesk::openapi::{BodyRefusals, Failures, LimitRefusals};
use frontdesk::{Error, ErrorBody, FormOrJson, Json, Result};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::authenticate::{Browser, authenticate};
use crate::state::Auth;
use crate::views::TokenView;
use crate::visitor::Visitor;

/// Who signs in. OAuth2's `scope`, `client_id` and `client_secret` are allowed and ignored.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct Login {
    /// The e-mail address.
    #[schema(example = "ada@example.com")]
    username: String,
    /// The password.
    #[schema(format = Password)]
    password: String,
    /// `password`, if it is there at all.
    grant_type: Option<String>,
}

#[utoipa::path(post, path = "/api/auth/login", tag = "auth", operation_id = "auth.login",
    request_body(content((Login = "application/x-www-form-urlencoded"), (Login = "multipart/form-data"),
        (Login = "application/json"))),
    responses((status = 200, body = TokenView, description = "Signed in."), BodyRefusals, LimitRefusals, Failures,
        (status = 400, body = ErrorBody, description = "`unsupported_grant_type` or `incomplete_body`."),
        (status = 401, body = ErrorBody, description = "`invalid_credentials`."),
        (status = 403, body = ErrorBody, description = "`csrf`: a page of another site sent this.")))]
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
