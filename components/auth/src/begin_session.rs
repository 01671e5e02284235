//! Sign in from a browser: the tokens go into cookies, out of reach of scripts. A session that the browser had ends.

use axum::extract::State;
use frontdesk::access::Anonymous;
use frontdesk::openapi::{BodyRefusals, Failures, LimitRefusals};
use frontdesk::{ErrorBody, Json, Result, UserView};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::authenticate::{Browser, authenticate};
use crate::browser::{BrowserSessions, SignedInBrowser};
use crate::state::Auth;
use crate::visitor::Visitor;

/// Who signs in.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BeginSession {
    /// The e-mail address.
    #[schema(example = "ada@example.com")]
    email: String,
    /// The password.
    #[schema(format = Password)]
    password: String,
    /// The code of a second factor. No account has one, so it is not looked at.
    #[expect(dead_code, reason = "see above")]
    totp: Option<String>,
    /// Whether the browser need not show a second factor again. No account has one, so it is not looked at.
    #[expect(dead_code, reason = "see above")]
    remember: Option<bool>,
}

#[utoipa::path(post, path = "/api/auth/session", tag = "auth", operation_id = "auth.begin_session",
    request_body = BeginSession,
    responses((status = 200, body = UserView, description = "Signed in.",
            headers(("set-cookie" = String, description = "The access, refresh and device cookies."))),
        BodyRefusals, LimitRefusals, Failures,
        (status = 401, body = ErrorBody, description = "`invalid_credentials`."),
        (status = 403, body = ErrorBody, description = "`csrf`: a page of another site sent this.")))]
pub(crate) async fn begin_session(
    _: Anonymous,
    (visitor, sessions): (Visitor, BrowserSessions),
    State(auth): State<Auth>,
    Json(input): Json<BeginSession>,
) -> Result<SignedInBrowser> {
    let device = visitor.devices.first().copied().unwrap_or_else(Uuid::new_v4);
    let browser = Browser { device, sessions: sessions.0 };
    let begun = authenticate(&auth, (&input.email, &input.password), &visitor, Some(&browser)).await?;
    SignedInBrowser::new(&auth, begun, Some(device)).await
}
