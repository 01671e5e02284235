//! Strict decoding of rows: by position, each column exactly of its type, none left over.
//!
//! Spin's own `Row::get` answers `None` for a null, a missing column and one of another type alike: it is not used.

use serde::de::DeserializeOwned;
use spin_sdk::pg::DbValue;
use uuid::Uuid;

/// A column that was not what the statement promised.
#[derive(Debug)]
pub struct DecodeError {
    position: usize,
    expected: &'static str,
}

impl std::fmt::Display for DecodeError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "column {} is not {}", self.position, self.expected)
    }
}

/// A type that a whole row becomes.
pub trait FromRow: Sized {
    /// Takes the columns in their order.
    ///
    /// # Errors
    /// The first column that is of another type.
    fn from_row(columns: &mut Columns<'_>) -> Result<Self, DecodeError>;
}

/// The columns of a row that are still to be taken.
pub struct Columns<'row> {
    values: std::slice::Iter<'row, DbValue>,
    position: usize,
}

impl Columns<'_> {
    /// The next column.
    ///
    /// # Errors
    /// When there is none, or it is of another type.
    pub fn take<T: Column>(&mut self) -> Result<T, DecodeError> {
        self.position += 1;
        self.values.next().and_then(T::from_value).ok_or(DecodeError { position: self.position, expected: T::EXPECTED })
    }

    /// Takes the columns that are left for what they mean without those before: nothing.
    pub fn leave(&mut self) {
        self.values.by_ref().for_each(drop);
    }
}

/// Decodes a row whole.
///
/// # Errors
/// The first column that is of another type, or left over.
pub(super) fn decode<T: FromRow>(row: &[DbValue]) -> Result<T, DecodeError> {
    let mut columns = Columns { values: row.iter(), position: 0 };
    let decoded = T::from_row(&mut columns)?;
    if columns.values.next().is_some() {
        return Err(DecodeError { position: columns.position + 1, expected: "part of the row type" });
    }
    Ok(decoded)
}

/// A type that a column becomes. A text type gives `from_text`, every other one `from_value`.
pub trait Column: Sized {
    /// What the log says was expected.
    const EXPECTED: &'static str;

    /// From a text.
    fn from_text(_: &str) -> Option<Self> {
        None
    }

    /// From a value; `None` when it is of another type.
    fn from_value(value: &DbValue) -> Option<Self> {
        match value {
            DbValue::Str(text) => Self::from_text(text),
            _ => None,
        }
    }
}

impl<T: Column> Column for Option<T> {
    const EXPECTED: &'static str = T::EXPECTED;

    fn from_value(value: &DbValue) -> Option<Self> {
        match value {
            DbValue::DbNull => Some(None),
            value => T::from_value(value).map(Some),
        }
    }
}

impl Column for String {
    const EXPECTED: &'static str = "a text";

    fn from_text(text: &str) -> Option<Self> {
        Some(text.to_owned())
    }
}

/// Several rows, or a part of one, that the statement has made JSON of (`json_agg(...)::text`).
pub struct Json<T>(pub T);

impl<T: DeserializeOwned> Column for Json<T> {
    const EXPECTED: &'static str = "JSON as a text";

    fn from_text(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok().map(Self)
    }
}

impl Column for Vec<String> {
    const EXPECTED: &'static str = "an array of texts without nulls";

    fn from_value(value: &DbValue) -> Option<Self> {
        match value {
            DbValue::ArrayStr(texts) => texts.iter().cloned().collect(),
            _ => None,
        }
    }
}

impl Column for Vec<Uuid> {
    const EXPECTED: &'static str = "an array of UUIDs as texts, without nulls";

    fn from_value(value: &DbValue) -> Option<Self> {
        Vec::<String>::from_value(value)?.iter().map(|text| Uuid::parse_str(text).ok()).collect()
    }
}

impl Column for Vec<u8> {
    const EXPECTED: &'static str = "a bytea";

    fn from_value(value: &DbValue) -> Option<Self> {
        match value {
            DbValue::Binary(bytes) => Some(bytes.clone()),
            _ => None,
        }
    }
}

impl Column for bool {
    const EXPECTED: &'static str = "a boolean";

    fn from_value(value: &DbValue) -> Option<Self> {
        match value {
            DbValue::Boolean(value) => Some(*value),
            _ => None,
        }
    }
}

impl Column for i32 {
    const EXPECTED: &'static str = "an int4";

    fn from_value(value: &DbValue) -> Option<Self> {
        match value {
            DbValue::Int32(value) => Some(*value),
            _ => None,
        }
    }
}

impl Column for i64 {
    const EXPECTED: &'static str = "an int8";

    fn from_value(value: &DbValue) -> Option<Self> {
        match value {
            DbValue::Int64(value) => Some(*value),
            _ => None,
        }
    }
}

impl Column for Uuid {
    const EXPECTED: &'static str = "a uuid";

    fn from_value(value: &DbValue) -> Option<Self> {
        match value {
            DbValue::Uuid(text) => text.parse().ok(),
            _ => None,
        }
    }
}

impl<T: Column> FromRow for (T,) {
    fn from_row(columns: &mut Columns<'_>) -> Result<Self, DecodeError> {
        Ok((columns.take()?,))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq)]
    struct Pair(i64, Option<String>);

    impl FromRow for Pair {
        fn from_row(columns: &mut Columns<'_>) -> Result<Self, DecodeError> {
            Ok(Self(columns.take()?, columns.take()?))
        }
    }

    #[test]
    fn a_row_is_decoded_by_position() {
        assert_eq!(decode::<Pair>(&[DbValue::Int64(7), DbValue::DbNull]).unwrap(), Pair(7, None));
        let row = [DbValue::Int64(7), DbValue::Str("a".into())];
        assert_eq!(decode::<Pair>(&row).unwrap(), Pair(7, Some("a".into())));
    }

    #[test]
    fn what_means_nothing_is_left() {
        struct First(Option<i64>);
        impl FromRow for First {
            fn from_row(columns: &mut Columns<'_>) -> Result<Self, DecodeError> {
                let first = columns.take()?;
                columns.leave();
                Ok(Self(first))
            }
        }
        let row = [DbValue::DbNull, DbValue::Str("a".into()), DbValue::DbNull];
        assert_eq!(decode::<First>(&row).unwrap().0, None);
    }

    #[test]
    fn a_null_a_missing_a_mistyped_and_a_left_over_column_are_told_apart() {
        let failure = |row: &[DbValue]| decode::<Pair>(row).unwrap_err().to_string();
        assert_eq!(failure(&[DbValue::DbNull, DbValue::DbNull]), "column 1 is not an int8");
        assert_eq!(failure(&[DbValue::Int64(7)]), "column 2 is not a text");
        assert_eq!(failure(&[DbValue::Int32(7), DbValue::DbNull]), "column 1 is not an int8");
        let row = [DbValue::Int64(7), DbValue::DbNull, DbValue::DbNull];
        assert_eq!(failure(&row), "column 3 is not part of the row type");
    }
}
