use axum::extract::State;
use frontdesk::access::AnySignedIn;
use frontdesk::openapi::{AnySignedInRefusals, BodyRefusals, Failures, LimitRefusals};
use frontdesk::password::{self, Verdict};
use frontdesk::time::compute;
use frontdesk::{Error, ErrorBody, Json, Result};
use http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::new_password;
use crate::state::Auth;
use crate::store::{self, Try};
use crate::visitor::Visitor;

/// The current and the new password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"current_password": "Correct-Horse", "new_password": "Battery-Staple"}))]
pub(crate) struct ChangePassword {
    /// The current password.
    #[schema(format = Password)]
    current_password: String,
    /// The new password: 8 to 128 characters with an upper-case letter and a special character, not containing "test" in any
    /// case.
    #[schema(min_length = 8, max_length = 128, format = Password)]
    new_password: String,
}

/// Change your password
///
/// The other sessions of the user end, other known devices are forgotten, and reset tokens stop working. This works for a user
/// who must change the password first, too. Wrong current passwords are limited like failed sign-ins.
#[utoipa::path(post, path = "/api/auth/password/change", tag = "auth", operation_id = "auth.change_password",
    security(("bearer" = [])), request_body = ChangePassword,
    responses((status = 204, description = "The password is changed."),
        AnySignedInRefusals, BodyRefusals, LimitRefusals, Failures,
        (status = 422, body = ErrorBody, description = "`validation_error`\n`wrong_password`")))]
pub(crate) async fn change_password(
    who: AnySignedIn,
    visitor: Visitor,
    State(auth): State<Auth>,
    Json(input): Json<ChangePassword>,
) -> Result<StatusCode> {
    let who = who.into_signed_in();
    new_password::check(&input.new_password)?;
    // Who gives the same for both has not chosen another one, whether or not it is the present one.
    if who.user().must_change_password && password::same(&input.new_password, &input.current_password) {
        return Err(new_password::unchanged());
    }
    let (db, user) = (auth.app().db(), who.user());
    // Counted as a sign-in is: with a stolen token the password can be guessed as well.
    let mut candidate = store::count_login(db, Some(user.email.clone()), &visitor, Try::PasswordChange, auth.scale())
        .await?
        .decided()?;
    // Once more when the account has changed in between: a sign-in may have replaced an outdated hash of the same password.
    for _ in 0..2 {
        let stored = candidate.as_ref().map(|candidate| candidate.password_hash.as_str());
        let verdict = compute(|| password::verify(&input.current_password, stored)).await;
        let Some(verified) = candidate.filter(|_| verdict != Verdict::Wrong) else { break };
        let new_hash = compute(|| password::hash(&input.new_password)).await.map_err(Error::internal)?;
        if store::change_password(db, who.authority(), &verified, new_hash, &visitor).await? {
            return Ok(StatusCode::NO_CONTENT);
        }
        candidate = store::refetch(db, verified).await?;
    }
    store::log_failed_change(db, who.actor()).await?;
    Err(WRONG_PASSWORD)
}

const WRONG_PASSWORD: Error = Error::WrongPassword("current_password");
