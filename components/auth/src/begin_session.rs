use axum::extract::State;
use frontdesk::access::Anonymous;
use frontdesk::openapi::{AnonymousRefusals, BodyRefusals, Failures, LimitRefusals};
use frontdesk::{ErrorBody, Json, Result, UserView};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::authenticate::{Browser, authenticate};
use crate::browser::{BrowserSessions, SignedInBrowser};
use crate::state::Auth;
use crate::visitor::Visitor;

/// The credentials.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"email": "ada@example.com", "password": "Correct-Horse"}))]
pub(crate) struct BeginSession {
    /// The e-mail address.
    #[schema(example = "ada@example.com")]
    email: String,
    /// The password.
    #[schema(format = Password)]
    password: String,
    /// The code of a second factor. It is ignored: no account has one. May be absent or `null`.
    #[expect(dead_code, reason = "see above")]
    totp: Option<String>,
    /// Whether this browser may skip the second factor from now on. It is ignored: no account has one. May be absent or `null`.
    #[expect(dead_code, reason = "see above")]
    remember: Option<bool>,
}

/// Sign in and get session cookies
///
/// For browsers. The response sets three cookies that no script can read: `__Host-fd_access`, `__Host-fd_refresh` and
/// `__Host-fd_device`. A session that the cookies of the request name ends, whoever it belongs to. If the user has too many
/// sessions, the one that was used least recently ends.
///
/// An unknown e-mail address, a wrong password and an inactive account return the same response. After too many failed tries the
/// response is 429. The tries are counted by account, IP address and device.
#[utoipa::path(post, path = "/api/auth/session", tag = "auth", operation_id = "auth.begin_session",
    request_body = BeginSession,
    responses((status = 200, body = UserView, description = "The user who signed in.",
            headers(("set-cookie" = String, description = "Sets the access, the refresh and the device cookie."))),
        AnonymousRefusals, BodyRefusals, LimitRefusals, Failures,
        (status = 401, body = ErrorBody, description = "`invalid_credentials`")))]
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
