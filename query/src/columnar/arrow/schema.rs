//! The schema of a stream and what it says about itself.

use crate::columnar::metadata;
use crate::rows::{Field, Header};
use arrow_schema::{DataType, Field as ArrowField, FieldRef, Fields, Schema, TimeUnit};
use nodemon_formats::ColumnType;
use std::collections::HashMap;
use std::sync::Arc;

/// The time, always there, and the columns of the header, each of which may lack values.
pub fn from_header(header: &Header) -> Schema {
    let mut fields = vec![ArrowField::new(metadata::TIME, instant(), false)];
    fields.extend(header.fields.iter().map(of_field));
    Schema::new(fields).with_metadata(owned(metadata::of_table(header)))
}

/// A bucket of a histogram that has values, as an element of a list.
pub fn bucket() -> FieldRef {
    Arc::new(ArrowField::new("element", DataType::Struct(bucket_fields()), false))
}

/// The smallest value that a bucket takes, in the unit of the column, and how many it has.
pub fn bucket_fields() -> Fields {
    let number = |name| ArrowField::new(name, DataType::UInt64, false);
    Fields::from(vec![number("lower"), number("count")])
}

fn instant() -> DataType {
    DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into()))
}

fn of_field(field: &Field) -> ArrowField {
    let kind = match field.kind {
        ColumnType::U64 => DataType::UInt64,
        ColumnType::I64 if field.is_instant => instant(),
        ColumnType::I64 => DataType::Int64,
        ColumnType::F64 => DataType::Float64,
        ColumnType::Bool => DataType::Boolean,
        ColumnType::String | ColumnType::Stack => DataType::Utf8,
        ColumnType::Bytes => DataType::Binary,
        ColumnType::Histogram => DataType::List(bucket()),
    };
    ArrowField::new(&field.name, kind, true).with_metadata(owned(metadata::of_field(field)))
}

fn owned<const N: usize>(pairs: [(&'static str, String); N]) -> HashMap<String, String> {
    pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}
