use axum::extract::State;
use frontdesk::access::Anonymous;
use frontdesk::openapi::{AnonymousRefusals, BodyRefusals, Failures};
use frontdesk::time::compute;
use frontdesk::{Client, Error, ErrorBody, Json, ResetToken, Result, password};
use http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::new_password;
use crate::state::Auth;
use crate::store;

/// The token and the new password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"token": "the-token-of-the-mail", "new_password": "Battery-Staple"}))]
pub(crate) struct ResetPassword {
    /// The token from the mail, or from the admin.
    token: String,
    /// The new password: 8 to 128 characters with an upper-case letter and a special character, not containing "test" in any
    /// case.
    #[schema(min_length = 8, max_length = 128, format = Password)]
    new_password: String,
}

/// Set a new password with a token
///
/// The token comes from a mail or from an admin. It works once and expires after 30 minutes. All sessions of the user end, and
/// nobody is signed in.
#[utoipa::path(post, path = "/api/auth/password/reset", tag = "auth", operation_id = "auth.reset_password",
    request_body = ResetPassword,
    responses((status = 204, description = "The password is set."),
        AnonymousRefusals, BodyRefusals, Failures,
        (status = 400, body = ErrorBody, description = "`incomplete_body`\n`reset_token_invalid`")))]
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
