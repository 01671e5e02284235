//! A password that is to take the place of another one.

use frontdesk::{Error, FieldError, Result, password};

/// The name of the field.
const FIELD: &str = "new_password";

/// Whether it keeps the rules.
///
/// # Errors
/// 422 with every rule that it breaks.
pub(crate) fn check(new_password: &str) -> Result<()> {
    let broken = password::broken_rules(new_password);
    let broken: Vec<_> = broken.iter().map(|rule| FieldError::body(FIELD, rule.kind, rule.message)).collect();
    if broken.is_empty() { Ok(()) } else { Err(Error::Invalid(broken)) }
}

/// 422 for one that is no other.
pub(crate) fn unchanged() -> Error {
    Error::Invalid(vec![FieldError::body(FIELD, "password_unchanged", "Choose another password than the present one")])
}
