//! What is asked of the texts that people type, and the list of everything that is wrong with them.

use std::fmt;

use serde::de::{Unexpected, Visitor};
use serde::{Deserialize, Deserializer};

use crate::error::{Error, FieldError, Result};
use crate::text::{self, Fault};

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

/// A value in the JSON of the former gateway's routes, which may be written in the ways that FastAPI reads (API.md, section 0).
/// Newer routes are strict: they take the plain type.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Lenient<T>(pub T);

impl<'de> Deserialize<'de> for Lenient<bool> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        deserializer.deserialize_any(LenientBool).map(Self)
    }
}

impl<'de> Deserialize<'de> for Lenient<i32> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        deserializer.deserialize_any(LenientInteger).map(Self)
    }
}

struct LenientBool;

impl Visitor<'_> for LenientBool {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a boolean")
    }

    fn visit_bool<E: serde::de::Error>(self, value: bool) -> std::result::Result<bool, E> {
        Ok(value)
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> std::result::Result<bool, E> {
        Err(E::invalid_value(Unexpected::Signed(value), &self))
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> std::result::Result<bool, E> {
        match value {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(E::invalid_value(Unexpected::Unsigned(value), &self)),
        }
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> std::result::Result<bool, E> {
        if value == 0.0 {
            Ok(false)
        } else if value == 1.0 {
            Ok(true)
        } else {
            Err(E::invalid_value(Unexpected::Float(value), &self))
        }
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> std::result::Result<bool, E> {
        parse_bool(text).ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
    }
}

struct LenientInteger;

impl Visitor<'_> for LenientInteger {
    type Value = i32;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("i32")
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> std::result::Result<i32, E> {
        i32::try_from(value).map_err(|_| E::invalid_value(Unexpected::Signed(value), &self))
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> std::result::Result<i32, E> {
        i32::try_from(value).map_err(|_| E::invalid_value(Unexpected::Unsigned(value), &self))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> std::result::Result<i32, E> {
        // Rust's own text of such a number has no fraction when it is whole, and no exponent.
        value.to_string().parse().map_err(|_| E::invalid_value(Unexpected::Float(value), &self))
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> std::result::Result<i32, E> {
        parse_integer(text).ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
    }
}

/// A word for true or false, in any case.
pub(crate) fn parse_bool(text: &str) -> Option<bool> {
    let is_one_of = |words: [&str; 6]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
    if is_one_of(["true", "1", "yes", "on", "t", "y"]) {
        Some(true)
    } else if is_one_of(["false", "0", "no", "off", "f", "n"]) {
        Some(false)
    } else {
        None
    }
}

/// A whole number, perhaps with white space around it and zeros behind a point.
fn parse_integer(text: &str) -> Option<i32> {
    let text = text.trim();
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if fraction.bytes().all(|digit| digit == b'0') { whole.parse().ok() } else { None }
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

    /// One line of text, as [`text::clean`] makes it; `None` when it is blank or refused: longer than `max` characters, or with line
    /// breaks or control characters.
    pub fn line(&mut self, field: &str, text: &str, max: usize) -> Option<String> {
        self.accept(field, text::line(text, max)).flatten()
    }

    /// The same for text of several lines.
    pub fn lines(&mut self, field: &str, text: &str, max: usize) -> Option<String> {
        self.accept(field, text::lines(text, max)).flatten()
    }

    /// One line that must not be blank.
    pub fn required_line(&mut self, field: &str, text: &str, max: usize) -> Option<String> {
        self.accept(field, text::line(text, max).and_then(|line| line.ok_or(Fault::Blank)))
    }

    fn accept<T>(&mut self, field: &str, checked: std::result::Result<T, Fault>) -> Option<T> {
        checked.map_err(|fault| self.refuse(field, fault.kind(), format!("{field} {fault}"))).ok()
    }

    /// Everything that was noted, to be told with more.
    pub fn into_errors(self) -> Vec<FieldError> {
        self.errors
    }

    /// Everything that was noted.
    ///
    /// # Errors
    /// 422 when there is anything.
    pub fn finish(self) -> Result<()> {
        if self.errors.is_empty() { Ok(()) } else { Err(Error::Invalid(self.errors)) }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn lenient<T>(value: Value) -> Option<T>
    where
        Lenient<T>: for<'de> Deserialize<'de>,
    {
        // As it is read from a body, and again from a value that was read before.
        let from_text = serde_json::from_str::<Lenient<T>>(&value.to_string()).ok().map(|Lenient(value)| value);
        let from_value = serde_json::from_value::<Lenient<T>>(value.clone()).ok().map(|Lenient(value)| value);
        assert_eq!(from_text.is_some(), from_value.is_some(), "{value}");
        from_value
    }

    #[test]
    fn a_boolean_may_be_a_number_or_a_word() {
        for value in [json!(true), json!(1), json!(1.0)] {
            assert_eq!(lenient(value.clone()), Some(true), "{value}");
        }
        for word in ["true", "1", "yes", "on", "t", "y", "True", "YES", "On"] {
            assert_eq!(lenient(json!(word)), Some(true), "{word}");
        }
        for value in [json!(false), json!(0), json!(0.0), json!(-0.0)] {
            assert_eq!(lenient(value.clone()), Some(false), "{value}");
        }
        for word in ["false", "0", "no", "off", "f", "n", "False", "NO", "oFF"] {
            assert_eq!(lenient(json!(word)), Some(false), "{word}");
        }
        let words = ["", " ", " true", "1.0", "2", "maybe", "tru", "yess", "\u{ff59}"].map(Value::from);
        for value in words.into_iter().chain([json!(2), json!(-1), json!(0.5), json!([]), json!({"a": 1}), json!(null)])
        {
            assert_eq!(lenient::<bool>(value.clone()), None, "{value}");
        }
    }

    #[test]
    fn an_integer_may_be_a_text_or_end_in_zeros() {
        for value in [json!(25), json!(25.0), json!("25"), json!(" 25 "), json!("25.0"), json!("+25.000"), json!("025")]
        {
            assert_eq!(lenient(value.clone()), Some(25), "{value}");
        }
        assert_eq!(lenient(json!(-7.0)), Some(-7));
        assert_eq!(lenient(json!("-7")), Some(-7));
        let texts = ["", " ", ".", ".0", "25.5", "25.0.0", "2 5", "1e2", "0x10", "+-5", "ten", "99999999999"];
        let others = [json!(25.5), json!(5_000_000_000_i64), json!(1e300), json!(-1e300), json!(true), json!([25])];
        for value in texts.map(Value::from).into_iter().chain(others).chain([json!(null), json!({})]) {
            assert_eq!(lenient::<i32>(value.clone()), None, "{value}");
        }
    }

    #[test]
    fn a_patch_of_a_lenient_value_can_still_be_absent_or_null() {
        #[derive(Debug, Deserialize, PartialEq)]
        struct Body {
            #[serde(default)]
            on: Patch<Lenient<bool>>,
        }
        for (body, on) in [
            (json!({}), Patch::Keep),
            (json!({"on": null}), Patch::Clear),
            (json!({"on": "off"}), Patch::Set(Lenient(false))),
        ] {
            assert_eq!(serde_json::from_value::<Body>(body).unwrap(), Body { on });
        }
    }

    #[test]
    fn what_cannot_be_seen_is_blank() {
        for text in ["", " \n", "\u{200b}", "\u{feff}\u{200d} \u{2060}", "\u{3164}"] {
            let mut check = Check::default();
            assert_eq!(check.required_line("name", text, 9), None);
            assert!(check.finish().is_err(), "{text:?}");
            assert_eq!(Check::default().line("name", text, 9), None, "{text:?}");
        }
        assert_eq!(Check::default().line("name", "\u{200b} Ada\u{feff}", 9).as_deref(), Some("Ada"));
        for text in ["a", "שלום", "👩\u{200d}💻", "é", "✈\u{fe0f}"] {
            assert_eq!(Check::default().required_line("name", text, 9).as_deref(), Some(text));
        }
    }

    #[test]
    fn line_breaks_stay_in_text_of_several_lines() {
        for between in ["\n", "\r\n", "\r", "\u{b}", "\u{c}", "\u{85}", "\u{2028}", "\u{2029}"] {
            let text = format!("a{between}b");
            assert_eq!(Check::default().lines("bio", &text, 9), Some(text.clone()), "{between:?}");
            assert_eq!(Check::default().line("name", &text, 9), None, "{between:?}");
        }
        for text in ["a\0b", "a\u{1b}b", "a\u{7f}b", "a\u{9b}b"] {
            assert_eq!(Check::default().lines("bio", text, 9), None, "{text:?}");
        }
    }
}
