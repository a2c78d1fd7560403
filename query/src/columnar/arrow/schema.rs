//! The schema of a stream and what it says about itself.

use crate::columnar::metadata;
use crate::rows::{Field, Header};
use arrow_ipc::writer::{DictionaryTracker, IpcDataGenerator, IpcWriteOptions};
use arrow_schema::{DataType, Field as ArrowField, Schema, TimeUnit};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use nodemon_formats::ColumnType;
use std::collections::HashMap;

/// The time, always there, and the columns of the header, each of which may lack values.
pub fn of(header: &Header) -> Schema {
    let time = DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into()));
    let mut fields = vec![ArrowField::new(metadata::TIME, time, false)];
    fields.extend(header.fields.iter().map(of_field));
    Schema::new(fields).with_metadata(owned(metadata::of_table(header)))
}

/// The schema as the base64 of its IPC message: what readers of Arrow look for in a Parquet file
/// under `ARROW:schema`, to get back what Parquet itself has no place for.
pub fn encoded(header: &Header) -> String {
    let mut dictionaries = DictionaryTracker::new(false);
    let options = IpcWriteOptions::default();
    let schema = of(header);
    let message = IpcDataGenerator::default().schema_to_bytes_with_dictionary_tracker(
        &schema,
        &mut dictionaries,
        &options,
    );
    let length = (message.ipc_message.len() as u32).to_le_bytes();
    let framed = [&[0xff; 4][..], &length, &message.ipc_message].concat();
    BASE64_STANDARD.encode(framed)
}

fn of_field(field: &Field) -> ArrowField {
    let kind = match field.kind {
        ColumnType::U64 => DataType::UInt64,
        ColumnType::I64 => DataType::Int64,
        ColumnType::F64 => DataType::Float64,
        ColumnType::Bool => DataType::Boolean,
        ColumnType::String => DataType::Utf8,
        ColumnType::Bytes | ColumnType::Histogram => DataType::Binary,
    };
    ArrowField::new(&field.name, kind, true).with_metadata(owned(metadata::of_field(field)))
}

fn owned<const N: usize>(pairs: [(&'static str, String); N]) -> HashMap<String, String> {
    pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}
