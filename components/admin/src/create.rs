use axum::extract::State;
use frontdesk::access::Admin;
use frontdesk::input::Check;
use frontdesk::openapi::{AdminRefusals, BodyRefusals, Failures};
use frontdesk::time::compute;
use frontdesk::{App, Error, ErrorBody, FieldError, Json, Result, Role, email, password};
use http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::one_time_password;
use crate::store::{self, NewUser};
use crate::views::CreatedUserView;

/// The longest name, as at registration.
const MAX_FULL_NAME: usize = 200;

/// The user to create.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CreateUser, example = json!({"email": "grace@example.com", "full_name": "Grace Hopper", "role": "user"}))]
pub(crate) struct Create {
    /// The e-mail address: ASCII. It is trimmed and lower-cased before it is checked and stored.
    #[schema(max_length = 254, example = "ada@example.com")]
    email: String,
    /// The name to show, in one line. Absent, `null` or blank: none.
    #[schema(max_length = 200)]
    full_name: Option<String>,
    /// What the user may do. Absent or `null`: `user`.
    role: Option<Role>,
    /// The first password: 8 to 128 characters with an upper-case letter and a special character, not containing "test" in any
    /// case. Absent or `null`: a random one.
    #[schema(min_length = 8, max_length = 128, format = Password)]
    password: Option<String>,
}

/// Create a user
///
/// Without `password` the response has a random `one_time_password`. It is returned only once and signs in only once. Either
/// password expires after 7 days.
///
/// The user must then change the password: until that is done, every route but `GET /api/users/me`, `POST
/// /api/auth/password/change`, `POST /api/auth/refresh` and `POST /api/auth/logout` returns 403 `password_change_required`.
#[utoipa::path(post, path = "/api/admin/users", tag = "admin", operation_id = "admin.create", security(("bearer" = [])),
    request_body = Create,
    responses((status = 201, body = CreatedUserView, description = "The new user."), AdminRefusals, BodyRefusals, Failures,
        (status = 409, body = ErrorBody, description = "`email_taken`")))]
pub(crate) async fn create(
    who: Admin,
    State(app): State<App>,
    Json(create): Json<Create>,
) -> Result<(StatusCode, Json<CreatedUserView>)> {
    let (email, full_name) = create.check()?;
    let one_time_password = if create.password.is_none() { Some(one_time_password::new()?) } else { None };
    let given = create.password.or_else(|| one_time_password.clone()).unwrap_or_default();
    let hash = compute(|| password::hash(&given)).await.map_err(Error::internal)?;
    let new = NewUser {
        email,
        full_name,
        role: create.role.unwrap_or(Role::User),
        hash,
        is_generated: one_time_password.is_some(),
    };
    let user = store::insert_user(app.db(), who.authority(), new).await?;
    let user = user.ok_or(Error::Conflict("email_taken", "There is an account with this e-mail address"))?;
    Ok((StatusCode::CREATED, Json(CreatedUserView::new(user, one_time_password))))
}

impl Create {
    /// The address and the name. Every field that breaks a rule is named, and of the password every rule.
    fn check(&self) -> Result<(String, Option<String>)> {
        let mut errors = Vec::new();
        let email = email::parse(&self.email);
        if let Err(message) = email {
            errors.push(FieldError::body("email", "email_invalid", message));
        }
        let broken = self.password.as_deref().map(password::broken_rules).unwrap_or_default();
        errors.extend(broken.iter().map(|rule| FieldError::body("password", rule.kind, rule.message)));
        let mut check = Check::default();
        let full_name = self.full_name.as_ref().and_then(|name| check.line("full_name", name, MAX_FULL_NAME));
        errors.extend(check.into_errors());
        match email {
            Ok(email) if errors.is_empty() => Ok((email, full_name)),
            _ => Err(Error::Invalid(errors)),
        }
    }
}
