//! What Postgres sends, as a guest sees it: the table is that of Spin's crates/factor-outbound-pg/src/types.rs.
//!
//! A type that is not in it arrives as its raw bytes (`unsupported`). `timestamptz` is in it as a date and time without
//! a zone, which the driver does not decode from it: reading one fails the row, in Spin and here.

use anyhow::Context;
use chrono::{Datelike, NaiveDate, NaiveDateTime, NaiveTime, Timelike};
use postgres_range::{BoundSided, BoundType, Normalizable, Range, RangeBound};
use rust_decimal::Decimal;
use tokio_postgres::types::{FromSql, Type};
use tokio_postgres::{Row, types};
use uuid::Uuid;

use super::error::query_failed_with;
use super::wire::{Interval, RangeDecimal, Raw};
use crate::bindings::spin::postgres::postgres::{self as wit, Column, DbDataType, DbValue, Error, RangeBoundKind};

/// The names and types of a row's columns.
pub(super) fn columns(row: &Row) -> Vec<Column> {
    row.columns()
        .iter()
        .map(|column| Column { name: column.name().to_owned(), data_type: data_type(column.type_()) })
        .collect()
}

/// The values of a row.
pub(super) fn row(row: &Row) -> Result<wit::Row, Error> {
    (0..row.len())
        .map(|index| value(row, index))
        .collect::<anyhow::Result<_>>()
        .map_err(|error| query_failed_with(format!("{error:?}")))
}

/// What a row is worth against the limit, in bytes.
pub(super) fn size(row: &[DbValue]) -> usize {
    let content = |value: &DbValue| match value {
        DbValue::Str(text) | DbValue::Uuid(text) | DbValue::Decimal(text) => text.len(),
        DbValue::Binary(bytes) | DbValue::Jsonb(bytes) | DbValue::Unsupported(bytes) => bytes.len(),
        DbValue::ArrayInt32(values) => size_of_val(values.as_slice()),
        DbValue::ArrayInt64(values) => size_of_val(values.as_slice()),
        DbValue::ArrayStr(values) | DbValue::ArrayDecimal(values) => {
            size_of_val(values.as_slice()) + values.iter().flatten().map(String::len).sum::<usize>()
        }
        _ => 0,
    };
    row.iter().map(|value| size_of::<DbValue>() + content(value)).sum()
}

fn data_type(ty: &types::Type) -> DbDataType {
    match *ty {
        Type::BOOL => DbDataType::Boolean,
        Type::BYTEA => DbDataType::Binary,
        Type::FLOAT4 => DbDataType::Floating32,
        Type::FLOAT8 => DbDataType::Floating64,
        Type::INT2 => DbDataType::Int16,
        Type::INT4 => DbDataType::Int32,
        Type::INT8 => DbDataType::Int64,
        Type::TEXT | Type::VARCHAR | Type::BPCHAR => DbDataType::Str,
        Type::TIMESTAMP | Type::TIMESTAMPTZ => DbDataType::Datetime,
        Type::DATE => DbDataType::Date,
        Type::TIME => DbDataType::Time,
        Type::UUID => DbDataType::Uuid,
        Type::JSONB => DbDataType::Jsonb,
        Type::NUMERIC => DbDataType::Decimal,
        Type::INT4_RANGE => DbDataType::RangeInt32,
        Type::INT8_RANGE => DbDataType::RangeInt64,
        Type::NUM_RANGE => DbDataType::RangeDecimal,
        Type::INT4_ARRAY => DbDataType::ArrayInt32,
        Type::INT8_ARRAY => DbDataType::ArrayInt64,
        Type::NUMERIC_ARRAY => DbDataType::ArrayDecimal,
        Type::TEXT_ARRAY | Type::VARCHAR_ARRAY | Type::BPCHAR_ARRAY => DbDataType::ArrayStr,
        Type::INTERVAL => DbDataType::Interval,
        _ => DbDataType::Other(ty.name().to_owned()),
    }
}

fn value(row: &Row, index: usize) -> anyhow::Result<DbValue> {
    let column = row.columns().get(index).context("no such column")?;
    match *column.type_() {
        Type::BOOL => read(row, index, DbValue::Boolean),
        Type::BYTEA => read(row, index, DbValue::Binary),
        Type::FLOAT4 => read(row, index, DbValue::Floating32),
        Type::FLOAT8 => read(row, index, DbValue::Floating64),
        Type::INT2 => read(row, index, DbValue::Int16),
        Type::INT4 => read(row, index, DbValue::Int32),
        Type::INT8 => read(row, index, DbValue::Int64),
        Type::TEXT | Type::VARCHAR | Type::BPCHAR => read(row, index, DbValue::Str),
        Type::TIMESTAMP | Type::TIMESTAMPTZ => try_read(row, index, datetime),
        Type::DATE => try_read(row, index, date),
        Type::TIME => try_read(row, index, time),
        Type::UUID => read(row, index, |value: Uuid| DbValue::Uuid(value.to_string())),
        Type::JSONB => try_read(row, index, |value: serde_json::Value| Ok(DbValue::Jsonb(serde_json::to_vec(&value)?))),
        Type::NUMERIC => read(row, index, |value: Decimal| DbValue::Decimal(value.to_string())),
        Type::INT4_RANGE => read(row, index, |value| DbValue::RangeInt32(range(&value, |bound: &i32| *bound))),
        Type::INT8_RANGE => read(row, index, |value| DbValue::RangeInt64(range(&value, |bound: &i64| *bound))),
        Type::NUM_RANGE => {
            read(row, index, |value| DbValue::RangeDecimal(range(&value, |bound: &RangeDecimal| bound.0.to_string())))
        }
        Type::INT4_ARRAY => read(row, index, DbValue::ArrayInt32),
        Type::INT8_ARRAY => read(row, index, DbValue::ArrayInt64),
        Type::NUMERIC_ARRAY => read(row, index, |values: Vec<Option<Decimal>>| {
            DbValue::ArrayDecimal(values.into_iter().map(|value| value.map(|value| value.to_string())).collect())
        }),
        Type::TEXT_ARRAY | Type::VARCHAR_ARRAY | Type::BPCHAR_ARRAY => read(row, index, DbValue::ArrayStr),
        Type::INTERVAL => read(row, index, |value: Interval| DbValue::Interval(value.0)),
        _ => read(row, index, |value: Raw| DbValue::Unsupported(value.0)),
    }
}

fn read<'a, T: FromSql<'a>>(row: &'a Row, index: usize, convert: impl FnOnce(T) -> DbValue) -> anyhow::Result<DbValue> {
    try_read(row, index, |value| Ok(convert(value)))
}

fn try_read<'a, T: FromSql<'a>>(
    row: &'a Row,
    index: usize,
    convert: impl FnOnce(T) -> anyhow::Result<DbValue>,
) -> anyhow::Result<DbValue> {
    row.try_get::<_, Option<T>>(index)?.map_or(Ok(DbValue::DbNull), convert)
}

fn date(value: NaiveDate) -> anyhow::Result<DbValue> {
    Ok(DbValue::Date((value.year(), value.month().try_into()?, value.day().try_into()?)))
}

fn time(value: NaiveTime) -> anyhow::Result<DbValue> {
    let (hour, minute, second) = (value.hour().try_into()?, value.minute().try_into()?, value.second().try_into()?);
    Ok(DbValue::Time((hour, minute, second, value.nanosecond())))
}

fn datetime(value: NaiveDateTime) -> anyhow::Result<DbValue> {
    Ok(DbValue::Datetime((
        value.year(),
        value.month().try_into()?,
        value.day().try_into()?,
        value.hour().try_into()?,
        value.minute().try_into()?,
        value.second().try_into()?,
        value.nanosecond(),
    )))
}

type Bound<T> = Option<(T, RangeBoundKind)>;

fn range<T, W>(value: &Range<T>, convert: impl Fn(&T) -> W) -> (Bound<W>, Bound<W>)
where
    T: Normalizable + PartialOrd,
{
    (value.lower().map(|bound| self::bound(bound, &convert)), value.upper().map(|bound| self::bound(bound, &convert)))
}

fn bound<S: BoundSided, T, W>(bound: &RangeBound<S, T>, convert: impl Fn(&T) -> W) -> (W, RangeBoundKind) {
    let kind = match bound.type_ {
        BoundType::Inclusive => RangeBoundKind::Inclusive,
        BoundType::Exclusive => RangeBoundKind::Exclusive,
    };
    (convert(&bound.value), kind)
}
