//! Only the hash of the password is kept.

use axum::extract::{FromRequestParts, State};
use frontdesk::access::Anonymous;
use frontdesk::input::Check;
use frontdesk::openapi::{BodyRefusals, Failures, LimitRefusals};
use frontdesk::time::compute;
use frontdesk::{Client, Error, ErrorBody, FieldError, Json, Result, UserView, email, password};
use http::StatusCode;
use http::request::Parts;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::limits::REGISTER;
use crate::state::{Auth, Registration};
use crate::store;

/// The longest name.
const MAX_FULL_NAME: usize = 200;

/// The account to register.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"email": "ada@example.com", "password": "Correct-Horse", "full_name": "Ada Lovelace"}))]
pub(crate) struct Register {
    /// The e-mail address: ASCII. It is trimmed and lower-cased before it is checked and stored.
    #[schema(max_length = 254, example = "ada@example.com")]
    email: String,
    /// The password: 8 to 128 characters with an upper-case letter and a special character, not containing "test" in any case.
    #[schema(min_length = 8, max_length = 128, format = Password)]
    password: String,
    /// The name to show, in one line. Absent, `null` or blank: none.
    #[schema(max_length = 200)]
    full_name: Option<String>,
}

/// Register an account
///
/// The account can sign in at once. The response signs nobody in and sets no cookie.
///
/// Limits: 10 requests per IP address and hour, 3 per e-mail address and hour.
#[utoipa::path(post, path = "/api/auth/register", tag = "auth", operation_id = "auth.register",
    request_body = Register,
    responses((status = 201, body = UserView, description = "The new account."),
        BodyRefusals, LimitRefusals, Failures,
        (status = 403, body = ErrorBody, description = "`csrf`\n`registration_closed`"),
        (status = 409, body = ErrorBody, description = "`email_taken`")))]
pub(crate) async fn register(
    _: MayRegister,
    client: Client,
    State(auth): State<Auth>,
    Json(input): Json<Register>,
) -> Result<(StatusCode, Json<UserView>)> {
    let account = input.check()?;
    let db = auth.app().db();
    let things = [client.network(), account.email.clone()];
    store::count_try(db, client.actor(None), REGISTER, things, auth.scale()).await?.decided()?;
    let hash = compute(|| password::hash(&account.password)).await.map_err(Error::internal)?;
    let user = store::insert_user(db, client.actor(None), account.email, account.full_name, hash).await?;
    let user = user.ok_or(Error::Conflict("email_taken", "There is an account with this e-mail address"))?;
    Ok((StatusCode::CREATED, Json(user.into())))
}

impl Register {
    /// Every field that breaks a rule is named, and of the password every rule.
    fn check(self) -> Result<Self> {
        let mut errors = Vec::new();
        let email = email::parse(&self.email);
        if let Err(message) = email {
            errors.push(FieldError::body("email", "email_invalid", message));
        }
        errors.extend(
            password::broken_rules(&self.password)
                .into_iter()
                .map(|rule| FieldError::body("password", rule.kind, rule.message)),
        );
        let mut check = Check::default();
        let full_name = self.full_name.and_then(|name| check.line("full_name", &name, MAX_FULL_NAME));
        errors.extend(check.into_errors());
        match email {
            Ok(email) if errors.is_empty() => Ok(Self { email, full_name, ..self }),
            _ => Err(Error::Invalid(errors)),
        }
    }
}

/// Anybody, while sign-up is open, from no page of another site.
pub(crate) struct MayRegister(());

impl FromRequestParts<Auth> for MayRegister {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, auth: &Auth) -> Result<Self> {
        Anonymous::from_request_parts(parts, auth).await?;
        match auth.registration() {
            Registration::Open => Ok(Self(())),
            Registration::Closed => {
                Err(Error::Forbidden("registration_closed", "Sign-up is closed: an administrator can make an account"))
            }
        }
    }
}
