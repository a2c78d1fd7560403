//! The same rows through the column writers of the `parquet` crate, with the same encoding and
//! compression: what our own encoder has to beat to be worth its lines.

use crate::workload::Workload;
use crate::{Cost, measure};
use parquet::basic::ZstdLevel;
use parquet::basic::{Compression, Encoding, LogicalType, Repetition, TimeUnit, Type as Physical};
use parquet::data_type::Int64Type;
use parquet::errors::Result;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::{Type, TypePtr};
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

/// Values in a row group, as we have them.
const GROUP_VALUES: usize = 8 << 20;
const GROUP_ROWS: usize = 1 << 20;

/// Writes the file, and says what that took.
pub fn write(workload: &Workload, path: &Path) -> Result<Cost> {
    measure(path, || write_file(workload, path))
}

fn write_file(workload: &Workload, path: &Path) -> Result<()> {
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(1)?))
        .set_dictionary_enabled(false)
        .set_encoding(Encoding::DELTA_BINARY_PACKED)
        .set_statistics_enabled(EnabledStatistics::Page)
        .build();
    let mut file =
        SerializedFileWriter::new(File::create(path)?, schema(workload)?, Arc::new(properties))?;
    let width = workload.header.fields.len() + 1;
    let group_rows = (GROUP_VALUES / width).min(GROUP_ROWS);
    let mut columns = vec![Vec::with_capacity(group_rows); width];
    for batch in &workload.batches {
        columns[0].extend_from_slice(&batch.times);
        for (column, from) in columns[1..].iter_mut().zip(&batch.columns) {
            column.extend(from.words.iter().map(|word| word.cast_signed()));
        }
        if columns[0].len() >= group_rows {
            write_group(&mut file, &mut columns)?;
        }
    }
    write_group(&mut file, &mut columns)?;
    file.close().map(drop)
}

fn write_group(file: &mut SerializedFileWriter<File>, columns: &mut [Vec<i64>]) -> Result<()> {
    let rows = columns[0].len();
    if rows == 0 {
        return Ok(());
    }
    let levels = vec![1; rows];
    let mut group = file.next_row_group()?;
    for (c, column) in columns.iter_mut().enumerate() {
        let Some(mut writer) = group.next_column()? else { break };
        let levels = (c > 0).then_some(&levels[..]);
        writer.typed::<Int64Type>().write_batch(column, levels, None)?;
        writer.close()?;
        column.clear();
    }
    group.close().map(drop)
}

fn schema(workload: &Workload) -> Result<TypePtr> {
    let time = Type::primitive_type_builder("time", Physical::INT64)
        .with_repetition(Repetition::REQUIRED)
        .with_logical_type(Some(LogicalType::timestamp(true, TimeUnit::NANOS)))
        .build()?;
    let mut fields = vec![Arc::new(time)];
    for field in &workload.header.fields {
        let counter = Type::primitive_type_builder(&field.name, Physical::INT64)
            .with_repetition(Repetition::OPTIONAL)
            .with_logical_type(Some(LogicalType::integer(64, false)))
            .build()?;
        fields.push(Arc::new(counter));
    }
    Ok(Arc::new(Type::group_type_builder("schema").with_fields(fields).build()?))
}
