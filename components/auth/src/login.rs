//! Sign in with e-mail and password: OAuth2's password form, or the same fields as JSON.
//!
//! Unknown address, wrong password and inactive account are one answer, in the same time: a password is verified in each case.
//! The exception is an account whose hash came from an older system and was not replaced yet: that costs what it costs.

use axum::extract::State;
use frontdesk::access::Public;
use frontdesk::openapi::{BodyRefusals, Failures};
use frontdesk::password::{self, Verdict};
use frontdesk::time::compute;
use frontdesk::{Client, Error, ErrorBody, FormOrJson, Json, Result, email};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::state::Auth;
use crate::store;
use crate::views::TokenView;

const INVALID_CREDENTIALS: Error =
    Error::Unauthenticated("invalid_credentials", "The e-mail address or the password is wrong");

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
    request_body(content((Login = "application/x-www-form-urlencoded"), (Login = "application/json"))),
    responses((status = 200, body = TokenView, description = "Signed in."), BodyRefusals, Failures,
        (status = 400, body = ErrorBody, description = "`unsupported_grant_type` or `incomplete_body`."),
        (status = 401, body = ErrorBody, description = "`invalid_credentials`.")))]
pub(crate) async fn login(
    _: Public,
    client: Client,
    State(auth): State<Auth>,
    FormOrJson(input): FormOrJson<Login>,
) -> Result<Json<TokenView>> {
    if input.grant_type.as_ref().is_some_and(|grant| grant != "password") {
        return Err(Error::BadRequest("unsupported_grant_type", "The only grant type is password"));
    }
    let db = auth.app().db();
    let candidate = match email::parse(&input.username) {
        Ok(email) => store::find_candidate(db, email).await?,
        Err(_) => None,
    };
    let stored = candidate.as_ref().map(|user| user.password_hash.as_str());
    let verdict = compute(|| password::verify(&input.password, stored)).await;
    let candidate = candidate.filter(|user| user.is_active && verdict != Verdict::Wrong).ok_or(INVALID_CREDENTIALS)?;
    let new_hash = match verdict {
        Verdict::RightButOutdated => Some(compute(|| password::hash(&input.password)).await.map_err(Error::internal)?),
        Verdict::Right | Verdict::Wrong => None,
    };
    let session = store::start_session(db, candidate, new_hash, client).await?.ok_or(INVALID_CREDENTIALS)?;
    let access_token =
        compute(|| auth.signer().sign(session.user_id, session.id, session.role)).await.map_err(Error::internal)?;
    Ok(Json(TokenView::new(access_token, auth.refresh_token_key().token(session.id, session.refresh_counter))))
}
