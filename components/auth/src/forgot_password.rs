//! Ask for a mail with which a forgotten password can be replaced. Whether there is such an account is told to nobody: neither by
//! the answer nor by its time.

use axum::extract::State;
use frontdesk::access::Anonymous;
use frontdesk::openapi::{BodyRefusals, Failures, LimitRefusals};
use frontdesk::{Client, Error, ErrorBody, Json, ResetToken, Result, email};
use http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::limits::FORGOT;
use crate::state::Auth;
use crate::store;

/// Whose password was forgotten.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ForgotPassword {
    /// The e-mail address.
    #[schema(example = "ada@example.com")]
    email: String,
}

#[utoipa::path(post, path = "/api/auth/password/forgot", tag = "auth", operation_id = "auth.forgot_password",
    request_body = ForgotPassword,
    responses((status = 202, description = "A mail is on its way, if there is such an account."),
        BodyRefusals, LimitRefusals, Failures,
        (status = 403, body = ErrorBody, description = "`csrf`: a page of another site sent this.")))]
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
