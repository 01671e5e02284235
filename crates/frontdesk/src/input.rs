//! What is asked of the texts that people type, and the list of everything that is wrong with them.

use serde::{Deserialize, Deserializer};

use crate::error::{Error, FieldError, Result};

/// A field of a PATCH.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum Patch<T> {
    /// Absent: it stays as it is.
    #[default]
    Keep,
    /// `null`: it is cleared.
    Clear,
    /// It becomes this.
    Set(T),
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Patch<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        Ok(Option::deserialize(deserializer)?.map_or(Self::Clear, Self::Set))
    }
}

/// Collects what is wrong with a body, so that everything is told at once.
#[derive(Debug, Default)]
pub struct Check {
    errors: Vec<FieldError>,
}

impl Check {
    /// Notes that a field is refused.
    pub fn refuse(&mut self, field: &str, kind: &str, message: impl Into<String>) {
        self.errors.push(FieldError::body(field, kind, &message.into()));
    }

    /// The value of a field that cannot be cleared; `None` when it is absent or `null`.
    pub fn required<T>(&mut self, field: &str, value: Patch<T>) -> Option<T> {
        match value {
            Patch::Keep => None,
            Patch::Clear => {
                self.refuse(field, "null_not_allowed", format!("{field} cannot be null"));
                None
            }
            Patch::Set(value) => Some(value),
        }
    }

    /// One line of text, trimmed; `None` when it is blank or refused: longer than `max` characters, or with control characters.
    pub fn line(&mut self, field: &str, text: &str, max: usize) -> Option<String> {
        self.text(field, text, max, char::is_control)
    }

    /// The same for text of several lines.
    pub fn lines(&mut self, field: &str, text: &str, max: usize) -> Option<String> {
        self.text(field, text, max, |character| character.is_control() && !matches!(character, '\n' | '\r' | '\t'))
    }

    /// One line that must not be blank.
    pub fn required_line(&mut self, field: &str, text: &str, max: usize) -> Option<String> {
        if is_blank(text) {
            self.refuse(field, "string_too_short", format!("{field} must not be blank"));
        }
        self.line(field, text, max)
    }

    fn text(&mut self, field: &str, text: &str, max: usize, is_refused: impl Fn(char) -> bool) -> Option<String> {
        let text = text.trim();
        if text.chars().count() > max {
            self.refuse(field, "string_too_long", format!("{field} must have at most {max} characters"));
        } else if text.contains(is_refused) {
            self.refuse(field, "string_control", format!("{field} must not contain control characters"));
        } else if !is_blank(text) {
            return Some(text.to_owned());
        }
        None
    }

    /// Everything that was noted.
    ///
    /// # Errors
    /// 422 when there is anything.
    pub fn finish(self) -> Result<()> {
        if self.errors.is_empty() { Ok(()) } else { Err(Error::Invalid(self.errors)) }
    }
}

/// Whether nothing of it can be seen.
fn is_blank(text: &str) -> bool {
    // Of the characters without width and the blank ones that are no white space to Unicode, those that people find to get round a
    // rule like this one.
    let is_invisible = |character| {
        matches!(
            character,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180e}' | '\u{2800}' | '\u{3164}'
        ) || matches!(character, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
            || matches!(character, '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}')
    };
    text.chars().all(|character| character.is_whitespace() || is_invisible(character))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_seen_is_blank() {
        for text in ["", " \n", "\u{200b}", "\u{feff}\u{200d} \u{2060}", "\u{3164}"] {
            let mut check = Check::default();
            assert_eq!(check.required_line("name", text, 9), None);
            assert!(check.finish().is_err(), "{text:?}");
            assert_eq!(Check::default().line("name", text, 9), None, "{text:?}");
        }
        for text in ["a", "\u{200f}שלום", "👩\u{200d}💻", "é"] {
            assert_eq!(Check::default().required_line("name", text, 9).as_deref(), Some(text));
        }
    }
}
