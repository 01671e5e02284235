//! Whether there is such an account is told to nobody: neither by the answer nor by its time.

use axum::extract::State;
use frontdesk::access::Anonymous;
use frontdesk::openapi::{AnonymousRefusals, BodyRefusals, Failures, LimitRefusals};
use frontdesk::{Client, Error, Json, ResetToken, Result, email};
use http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::limits::FORGOT;
use crate::state::Auth;
use crate::store;

/// The account whose password was forgotten.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"email": "ada@example.com"}))]
pub(crate) struct ForgotPassword {
    /// The e-mail address of the account.
    #[schema(example = "ada@example.com")]
    email: String,
}

/// Request a password reset mail
///
/// The mail has a token for `POST /api/auth/password/reset`. The token works once and expires after 30 minutes. The response is
/// the same whether or not the account exists.
///
/// Limits: 10 requests per IP address and hour, 3 per e-mail address and hour.
#[utoipa::path(post, path = "/api/auth/password/forgot", tag = "auth", operation_id = "auth.forgot_password",
    request_body = ForgotPassword,
    responses((status = 202, description = "If the account exists and is active, a mail is on its way."),
        AnonymousRefusals, BodyRefusals, LimitRefusals, Failures))]
pub(crate) async fn forgot_password(
    _: Anonymous,
    client: Client,
    State(auth): State<Auth>,
    Json(input): Json<ForgotPassword>,
) -> Result<StatusCode> {
    let email = email::parse(&input.email).map_err(|message| Error::invalid("email", "email_invalid", message))?;
    let db = auth.app().db();
    let things = [client.network(), email.clone()];
    store::count_try(db, client.actor(None), FORGOT, things, auth.scale()).await?.decided()?;
    let token = ResetToken::new()?;
    store::request_reset(db, client.actor(None), email, &token, mail(&token, auth.reset_url())).await?;
    Ok(StatusCode::ACCEPTED)
}

fn mail(token: &ResetToken, page: Option<&str>) -> String {
    let token = token.text();
    // In the fragment, which browsers send to nobody.
    let way = page.map_or_else(|| format!("use this code: {token}"), |page| format!("open {page}#token={token}"));
    format!(
        "Somebody, probably you, asked for a new password for your account.\n\nTo choose one within 30 minutes, {way}\n\n\
         If it was not you, there is nothing to do: your password stays as it is.\n"
    )
}
