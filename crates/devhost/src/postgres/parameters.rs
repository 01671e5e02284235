//! What a guest binds, as the driver takes it: the table is that of Spin's crates/factor-outbound-pg/src/types.rs.
//!
//! Types are not widened: the driver refuses an `int64` where the statement takes an `int4`. A `timestamp` has whole
//! seconds and goes to `timestamptz` only, a `datetime` to `timestamp` only.

use anyhow::{Context, anyhow};
use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime};
use postgres_range::{BoundSided, BoundType, Normalizable, Range, RangeBound};
use rust_decimal::Decimal;
use tokio_postgres::types::ToSql;

use super::wire::{Interval, Null, RangeDecimal};
use crate::bindings::spin::postgres::postgres::{ParameterValue, RangeBoundKind};

/// A value that the driver can bind.
pub(super) type Parameter = Box<dyn ToSql + Send + Sync>;

/// All parameters of a statement, or the debug text of why one of them is not what it claims to be.
pub(super) fn to_sql(parameters: &[ParameterValue]) -> Result<Vec<Parameter>, String> {
    parameters.iter().map(parameter).collect::<anyhow::Result<_>>().map_err(|error| format!("{error:?}"))
}

fn parameter(value: &ParameterValue) -> anyhow::Result<Parameter> {
    Ok(match value {
        ParameterValue::Boolean(value) => own(*value),
        ParameterValue::Int8(value) => own(*value),
        ParameterValue::Int16(value) => own(*value),
        ParameterValue::Int32(value) => own(*value),
        ParameterValue::Int64(value) => own(*value),
        ParameterValue::Floating32(value) => own(*value),
        ParameterValue::Floating64(value) => own(*value),
        ParameterValue::Str(value) => own(value.clone()),
        ParameterValue::Binary(value) => own(value.clone()),
        ParameterValue::Date((year, month, day)) => own(date(*year, *month, *day)?),
        ParameterValue::Time((hour, minute, second, nano)) => own(time(*hour, *minute, *second, *nano)?),
        ParameterValue::Datetime((year, month, day, hour, minute, second, nano)) => {
            own(NaiveDateTime::new(date(*year, *month, *day)?, time(*hour, *minute, *second, *nano)?))
        }
        ParameterValue::Timestamp(seconds) => {
            own(DateTime::from_timestamp(*seconds, 0).with_context(|| format!("invalid epoch timestamp {seconds}"))?)
        }
        ParameterValue::Uuid(value) => {
            own(uuid::Uuid::parse_str(value).with_context(|| format!("invalid UUID {value}"))?)
        }
        ParameterValue::Jsonb(value) => own(serde_json::from_slice::<serde_json::Value>(value)
            .with_context(|| format!("invalid JSON {}", String::from_utf8_lossy(value)))?),
        ParameterValue::Decimal(value) => own(decimal(value)?),
        ParameterValue::RangeInt32((lower, upper)) => own(range(*lower, *upper)),
        ParameterValue::RangeInt64((lower, upper)) => own(range(*lower, *upper)),
        ParameterValue::RangeDecimal((lower, upper)) => own(range(decimal_bound(lower)?, decimal_bound(upper)?)),
        ParameterValue::ArrayInt32(values) => own(values.clone()),
        ParameterValue::ArrayInt64(values) => own(values.clone()),
        ParameterValue::ArrayDecimal(values) => own(values
            .iter()
            .map(|value| value.as_deref().map(decimal).transpose())
            .collect::<anyhow::Result<Vec<_>>>()?),
        ParameterValue::ArrayStr(values) => own(values.clone()),
        ParameterValue::Interval(value) => own(Interval(*value)),
        ParameterValue::DbNull => own(Null),
    })
}

fn own(value: impl ToSql + Send + Sync + 'static) -> Parameter {
    Box::new(value)
}

fn date(year: i32, month: u8, day: u8) -> anyhow::Result<NaiveDate> {
    NaiveDate::from_ymd_opt(year, month.into(), day.into())
        .ok_or_else(|| anyhow!("invalid date y={year}, m={month}, d={day}"))
}

fn time(hour: u8, minute: u8, second: u8, nano: u32) -> anyhow::Result<NaiveTime> {
    NaiveTime::from_hms_nano_opt(hour.into(), minute.into(), second.into(), nano)
        .ok_or_else(|| anyhow!("invalid time {hour}:{minute}:{second}:{nano}"))
}

fn decimal(value: &str) -> anyhow::Result<Decimal> {
    Decimal::from_str_exact(value).with_context(|| format!("invalid decimal {value}"))
}

type Bound<T> = Option<(T, RangeBoundKind)>;

fn decimal_bound(bound: &Bound<String>) -> anyhow::Result<Bound<RangeDecimal>> {
    bound.as_ref().map(|(value, kind)| Ok((RangeDecimal(decimal(value)?), *kind))).transpose()
}

fn range<T: Normalizable + PartialOrd>(lower: Bound<T>, upper: Bound<T>) -> Range<T> {
    Range::new(lower.map(bound), upper.map(bound))
}

fn bound<S: BoundSided, T: Normalizable + PartialOrd>((value, kind): (T, RangeBoundKind)) -> RangeBound<S, T> {
    let kind = match kind {
        RangeBoundKind::Inclusive => BoundType::Inclusive,
        RangeBoundKind::Exclusive => BoundType::Exclusive,
    };
    RangeBound::new(value, kind)
}

#[cfg(test)]
mod tests {
    // Every rule is one of Spin's crates/factor-outbound-pg/src/types/convert.rs.
    use tokio_postgres::types::Type;

    use super::*;

    fn refused(value: ParameterValue) -> String {
        to_sql(&[value]).err().unwrap()
    }

    fn bytes(value: ParameterValue, ty: &Type) -> Result<Vec<u8>, String> {
        let parameters = to_sql(&[value])?;
        let mut bytes = bytes::BytesMut::new();
        parameters[0].to_sql_checked(ty, &mut bytes).map_err(|error| error.to_string())?;
        Ok(bytes.to_vec())
    }

    #[test]
    fn a_value_that_is_not_what_it_claims_to_be_is_refused_with_its_text() {
        for (value, expected) in [
            (ParameterValue::Uuid("x".into()), "invalid UUID x"),
            (ParameterValue::Jsonb(b"{".to_vec()), "invalid JSON {"),
            (ParameterValue::Decimal("1.x".into()), "invalid decimal 1.x"),
            (ParameterValue::Date((2025, 2, 30)), "invalid date y=2025, m=2, d=30"),
            (ParameterValue::Time((24, 0, 0, 0)), "invalid time 24:0:0:0"),
            (ParameterValue::Timestamp(i64::MAX), "invalid epoch timestamp 9223372036854775807"),
        ] {
            let text = refused(value);
            assert!(text.starts_with(expected), "{text}");
        }
    }

    #[test]
    fn types_are_not_widened() {
        bytes(ParameterValue::Int64(1), &Type::INT4).unwrap_err();
        bytes(ParameterValue::Int32(1), &Type::INT8).unwrap_err();
        bytes(ParameterValue::Str("x".into()), &Type::UUID).unwrap_err();
        assert_eq!(bytes(ParameterValue::Int32(1), &Type::INT4).unwrap(), [0, 0, 0, 1]);
        assert_eq!(bytes(ParameterValue::Str("x".into()), &Type::TEXT).unwrap(), b"x");
    }

    #[test]
    fn a_timestamp_goes_to_timestamptz_and_a_datetime_to_timestamp() {
        let datetime = ParameterValue::Datetime((2000, 1, 1, 0, 0, 1, 0));
        assert_eq!(bytes(datetime.clone(), &Type::TIMESTAMP).unwrap(), 1_000_000_i64.to_be_bytes());
        bytes(datetime, &Type::TIMESTAMPTZ).unwrap_err();
        // 946684801 is one second after Postgres's own epoch, 2000-01-01.
        let timestamp = ParameterValue::Timestamp(946_684_801);
        assert_eq!(bytes(timestamp.clone(), &Type::TIMESTAMPTZ).unwrap(), 1_000_000_i64.to_be_bytes());
        bytes(timestamp, &Type::TIMESTAMP).unwrap_err();
    }

    #[test]
    fn null_goes_anywhere() {
        for ty in [Type::INT4, Type::UUID, Type::TEXT_ARRAY, Type::JSONB] {
            bytes(ParameterValue::DbNull, &ty).unwrap();
        }
    }
}
