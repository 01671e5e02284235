//! Choose a new password with the token from the mail, which is good once and for 30 minutes. All sessions of the account end.

use axum::extract::State;
use frontdesk::access::Anonymous;
use frontdesk::openapi::{BodyRefusals, Failures};
use frontdesk::time::compute;
use frontdesk::{Client, Error, ErrorBody, Json, ResetToken, Result, password};
use http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::new_password;
use crate::state::Auth;
use crate::store;

/// The new password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ResetPassword {
    /// From the mail.
    token: String,
    /// 8 to 128 characters with an upper-case letter and a special character, not containing "test".
    #[schema(min_length = 8, max_length = 128, format = Password)]
    new_password: String,
}

#[utoipa::path(post, path = "/api/auth/password/reset", tag = "auth", operation_id = "auth.reset_password",
    request_body = ResetPassword,
    responses((status = 204, description = "The password is the new one, and nobody is signed in."),
        BodyRefusals, Failures,
        (status = 400, body = ErrorBody, description = "`reset_token_invalid` or `incomplete_body`."),
        (status = 403, body = ErrorBody, description = "`csrf`: a page of another site sent this.")))]
pub(crate) async fn reset_password(
    _: Anonymous,
    client: Client,
    State(auth): State<Auth>,
    Json(input): Json<ResetPassword>,
) -> Result<StatusCode> {
    new_password::check(&input.new_password)?;
    let (db, token) = (auth.app().db(), ResetToken::sent(input.token));
    // Before the new password is hashed, which costs something.
    if !store::has_reset(db, &token).await? {
        return Err(INVALID);
    }
    let hash = compute(|| password::hash(&input.new_password)).await.map_err(Error::internal)?;
    let is_done = store::reset_password(db, client.actor(None), &token, hash, client.network()).await?;
    if is_done { Ok(StatusCode::NO_CONTENT) } else { Err(INVALID) }
}

const INVALID: Error = Error::BadRequest(
    "reset_token_invalid",
    "This is not good for a new password, or not any more: ask for another mail",
);
