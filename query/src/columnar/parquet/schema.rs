//! The schema of a file and what it says about itself.

use crate::columnar::{arrow, metadata};
use crate::rows::{Field, Header};
use nodemon_formats::ColumnType;
use parquet::basic::{LogicalType, Repetition, TimeUnit, Type as PhysicalType};
use parquet::errors::Result;
use parquet::file::metadata::{KeyValue, SortingColumn};
use parquet::file::properties::WriterProperties;
use parquet::schema::types::{Type, TypePtr};
use std::sync::Arc;

/// The time, always there, and the columns of the header, each of which may lack values.
///
/// # Errors
/// What the `parquet` crate objects to.
pub fn of(header: &Header) -> Result<TypePtr> {
    let time = Type::primitive_type_builder(metadata::TIME, PhysicalType::INT64)
        .with_repetition(Repetition::REQUIRED)
        .with_logical_type(Some(LogicalType::timestamp(true, TimeUnit::NANOS)))
        .build()?;
    let mut fields = vec![Arc::new(time)];
    for field in &header.fields {
        fields.push(Arc::new(of_field(field)?));
    }
    Ok(Arc::new(Type::group_type_builder("schema").with_fields(fields).build()?))
}

fn of_field(field: &Field) -> Result<Type> {
    let (physical, logical) = match field.kind {
        ColumnType::U64 => (PhysicalType::INT64, Some(LogicalType::integer(64, false))),
        ColumnType::I64 => (PhysicalType::INT64, Some(LogicalType::integer(64, true))),
        ColumnType::F64 => (PhysicalType::DOUBLE, None),
        ColumnType::Bool => (PhysicalType::BOOLEAN, None),
        ColumnType::String => (PhysicalType::BYTE_ARRAY, Some(LogicalType::String)),
        ColumnType::Bytes | ColumnType::Histogram => (PhysicalType::BYTE_ARRAY, None),
    };
    Type::primitive_type_builder(&field.name, physical)
        .with_repetition(Repetition::OPTIONAL)
        .with_logical_type(logical)
        .build()
}

/// What the footer says: who wrote it, what the table is, that rows are sorted by time.
pub fn properties(header: &Header) -> WriterProperties {
    let mut about: Vec<KeyValue> = metadata::of_table(header)
        .into_iter()
        .map(|(key, value)| KeyValue::new(key.to_owned(), value))
        .collect();
    about.push(KeyValue::new("nodemon.columns".to_owned(), metadata::of_fields(header)));
    about.push(KeyValue::new("ARROW:schema".to_owned(), arrow::schema::encoded(header)));
    let by_time = SortingColumn { column_idx: 0, descending: false, nulls_first: false };
    WriterProperties::builder()
        .set_created_by(concat!("nodemon version ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_key_value_metadata(Some(about))
        .set_sorting_columns(Some(vec![by_time]))
        .build()
}
