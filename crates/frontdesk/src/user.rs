//! A user, as every component that answers with one reads and shows it.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::db::{Column, Columns, DecodeError, FromRow};

/// What a user may do:
///
/// - `user`: uses apps.
/// - `admin`: also manages users, groups, apps and settings.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Uses the apps.
    User,
    /// Administers people, groups, apps and settings too.
    Admin,
}

impl Role {
    /// As it is stored and told.
    pub fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Admin => "admin",
        }
    }
}

// Serde's own for an enum would take `{"admin": null}` too.
impl<'de> Deserialize<'de> for Role {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::from_text(&text).ok_or_else(|| D::Error::unknown_variant(&text, &["user", "admin"]))
    }
}

impl Column for Role {
    const EXPECTED: &'static str = "a role";

    fn from_text(text: &str) -> Option<Self> {
        match text {
            "user" => Some(Self::User),
            "admin" => Some(Self::Admin),
            _ => None,
        }
    }
}

/// A row of `users`, without the password hash, as `user_json` in SQL gives it. One that lacks a field is refused, null or not.
#[derive(Clone, Debug, Deserialize)]
pub struct User {
    /// The id, `sub` in tokens.
    pub id: Uuid,
    /// Trimmed and lower-cased.
    pub email: String,
    /// How they want to be called.
    #[serde(deserialize_with = "Option::deserialize")]
    pub full_name: Option<String>,
    /// The role that counts.
    pub role: Role,
    /// Whether they may sign in.
    pub is_active: bool,
    /// Whether the address was confirmed.
    pub email_verified: bool,
    /// Whether a second factor is asked for.
    pub mfa_enabled: bool,
    /// RFC 3339.
    pub created_at: String,
    /// RFC 3339.
    pub updated_at: String,
    /// RFC 3339.
    #[serde(deserialize_with = "Option::deserialize")]
    pub last_login_at: Option<String>,
    /// Whether somebody else knows their password, so that they have to choose another one.
    pub must_change_password: bool,
}

impl Column for User {
    const EXPECTED: &'static str = "a user as JSON";

    fn from_text(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }
}

impl FromRow for User {
    fn from_row(columns: &mut Columns<'_>) -> Result<Self, DecodeError> {
        columns.take()
    }
}

/// A user.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = User)]
pub struct UserView {
    /// The id of the user.
    id: Uuid,
    /// The e-mail address, trimmed and lower-cased.
    #[schema(example = "ada@example.com")]
    email: String,
    /// The name to show. `null`: none.
    full_name: Option<String>,
    /// What the user may do.
    role: Role,
    /// Whether the user may sign in. `false`: the account is locked.
    is_active: bool,
    /// Whether the e-mail address was confirmed.
    email_verified: bool,
    /// Whether a sign-in needs a second factor.
    mfa_enabled: bool,
    /// When the account was created.
    #[schema(format = DateTime)]
    created_at: String,
    /// When the account was last changed.
    #[schema(format = DateTime)]
    updated_at: String,
    /// When the user last signed in. `null`: never.
    #[schema(format = DateTime)]
    last_login_at: Option<String>,
}

impl From<User> for UserView {
    fn from(user: User) -> Self {
        let User {
            id,
            email,
            full_name,
            role,
            is_active,
            email_verified,
            mfa_enabled,
            created_at,
            updated_at,
            last_login_at,
            must_change_password: _,
        } = user;
        Self {
            id,
            email,
            full_name,
            role,
            is_active,
            email_verified,
            mfa_enabled,
            created_at,
            updated_at,
            last_login_at,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, Value, json};

    use super::*;

    #[test]
    fn a_user_without_one_of_the_fields_is_refused() {
        let whole = json!({
            "id": Uuid::nil(), "email": "ada@example.com", "full_name": null, "role": "user", "is_active": true,
            "email_verified": false, "mfa_enabled": false, "created_at": "2026-01-01T00:00:00.000Z",
            "updated_at": "2026-01-01T00:00:00.000Z", "last_login_at": null, "must_change_password": false,
        });
        let whole: Map<String, Value> = serde_json::from_value(whole).unwrap();
        let read = |fields: &Map<String, Value>| User::from_text(&serde_json::to_string(fields).unwrap());
        assert_eq!(read(&whole).unwrap().email, "ada@example.com");
        for name in whole.keys() {
            let mut less = whole.clone();
            less.remove(name);
            assert!(read(&less).is_none(), "{name} is missed by nobody");
        }
    }
}
