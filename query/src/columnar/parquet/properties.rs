//! How columns are encoded, and what a file says about itself.

use crate::columnar::metadata;
use crate::rows::Header;
use parquet::basic::{Compression, Encoding, Type, ZstdLevel};
use parquet::errors::Result;
use parquet::file::metadata::{KeyValue, SortingColumn};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::{ColumnPath, SchemaDescriptor};

/// Fast, and on these encodings within 2 % of the bytes of level 3.
const ZSTD_LEVEL: i32 = 1;
/// A page ends with so many rows: what a reader has to decode to get at one of them.
const PAGE_ROWS: usize = 20_000;

/// Integers and times are `DELTA_BINARY_PACKED`, strings numbers in a dictionary, everything zstd.
/// The footer says who wrote it, what the table is, and that rows are sorted by time.
///
/// # Errors
/// What the `parquet` crate objects to.
pub fn from_header(header: &Header, columns: &SchemaDescriptor) -> Result<WriterProperties> {
    let mut about: Vec<KeyValue> = metadata::of_table(header)
        .into_iter()
        .map(|(key, value)| KeyValue::new(key.to_owned(), value))
        .collect();
    about.push(KeyValue::new("nodemon.columns".to_owned(), metadata::of_fields(header)));
    let by_time = SortingColumn { column_idx: 0, descending: false, nulls_first: false };
    let mut properties = WriterProperties::builder()
        .set_created_by(concat!("nodemon version ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_key_value_metadata(Some(about))
        .set_sorting_columns(Some(vec![by_time]))
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(ZSTD_LEVEL)?))
        .set_dictionary_enabled(false)
        .set_statistics_enabled(EnabledStatistics::Page)
        .set_data_page_row_count_limit(PAGE_ROWS);
    for column in columns.columns() {
        let path: &ColumnPath = column.path();
        properties = match column.physical_type() {
            Type::INT32 | Type::INT64 => {
                properties.set_column_encoding(path.clone(), Encoding::DELTA_BINARY_PACKED)
            }
            Type::BYTE_ARRAY => properties.set_column_dictionary_enabled(path.clone(), true),
            _ => properties,
        };
    }
    Ok(properties.build())
}
