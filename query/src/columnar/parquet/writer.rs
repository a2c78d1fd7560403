//! Row groups, one after the other, and the footer.

use super::properties;
use crate::columnar::arrow::{Columns, schema};
use crate::columnar::metadata;
use crate::rows::{Batch, Header, Missing};
use arrow_array::ArrayRef;
use arrow_schema::SchemaRef;
use nodemon_formats::ColumnType;
use parquet::arrow::ArrowSchemaConverter;
use parquet::arrow::arrow_writer::{
    ArrowColumnWriter, ArrowRowGroupWriterFactory, ArrowWriter, ArrowWriterOptions, compute_leaves,
};
use parquet::errors::Result;
use parquet::file::metadata::KeyValue;
use parquet::file::writer::SerializedFileWriter;
use serde_json::Value;
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

/// Rows in a row group: what DuckDB and Arrow like to split work by.
const MAX_ROWS: usize = 1 << 20;
/// Encoded bytes in a row group, which are held in memory until it is written. Narrow tables reach
/// the rows first, wide ones this.
const MAX_BYTES: usize = 64 << 20;
/// A thread more pays for so many values.
const VALUES_A_THREAD: usize = 1 << 17;

/// Writes a Parquet file to `W`.
pub struct ParquetWriter<W: Write + Send> {
    file: SerializedFileWriter<W>,
    groups: ArrowRowGroupWriterFactory,
    schema: SchemaRef,
    columns: Columns,
    /// What encodes the columns of the row group at hand, the time first; empty where there is none.
    encoders: Vec<Encoder>,
    /// Rows of the row group at hand.
    rows: usize,
    /// Threads that encode, this one among them.
    threads: usize,
    gaps: Vec<Value>,
}

/// A column of a row group: what it is encoded by, one writer for each column of Parquet.
struct Encoder {
    leaves: Vec<ArrowColumnWriter>,
}

impl Encoder {
    /// Encodes the rows of `array`, which is field `index` of the schema.
    fn push(&mut self, schema: &SchemaRef, index: usize, array: &ArrayRef) -> Result<()> {
        let leaves = compute_leaves(schema.field(index), array)?;
        self.leaves.iter_mut().zip(&leaves).try_for_each(|(writer, leaf)| writer.write(leaf))
    }

    fn size_bytes(&self) -> usize {
        self.leaves.iter().map(ArrowColumnWriter::memory_size).sum()
    }
}

impl<W: Write + Send> ParquetWriter<W> {
    /// A writer of rows of `header` that encodes on up to `threads` threads.
    ///
    /// # Errors
    /// When `out` cannot be written.
    pub fn new(out: W, header: &Header, threads: usize) -> Result<ParquetWriter<W>> {
        let columns = Columns::from_header(header);
        let schema = Arc::new(schema::from_header(&columns.header));
        let written = ArrowSchemaConverter::new().convert(&schema)?;
        let properties = properties::from_header(&columns.header, &written)?;
        let options = ArrowWriterOptions::new().with_properties(properties);
        let writer = ArrowWriter::try_new_with_options(out, schema.clone(), options)?;
        let (file, groups) = writer.into_serialized_writer()?;
        Ok(ParquetWriter {
            file,
            groups,
            schema,
            columns,
            encoders: Vec::new(),
            rows: 0,
            threads: threads.max(1),
            gaps: Vec::new(),
        })
    }

    /// Takes the next rows, which must not be earlier than those before.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn rows(&mut self, batch: &Batch) -> Result<()> {
        if batch.is_empty() {
            return Ok(());
        }
        if self.encoders.is_empty() {
            self.begin_group()?;
        }
        self.push(batch)?;
        self.rows += batch.len();
        let bytes = || self.encoders.iter().map(Encoder::size_bytes).sum::<usize>();
        if self.rows >= MAX_ROWS || bytes() >= MAX_BYTES { self.write_group() } else { Ok(()) }
    }

    fn begin_group(&mut self) -> Result<()> {
        let number = self.file.flushed_row_groups().len();
        let mut leaves = self.groups.create_column_writers(number)?.into_iter();
        let mut encoder =
            |leaf_count| Encoder { leaves: leaves.by_ref().take(leaf_count).collect() };
        self.encoders.push(encoder(1));
        self.encoders.extend(self.columns.header.fields.iter().map(|field| match field.kind {
            ColumnType::Histogram => encoder(schema::bucket_fields().len()),
            _ => encoder(1),
        }));
        Ok(())
    }

    /// Encodes the columns of a batch; of a large one on several threads, each some of the columns.
    fn push(&mut self, batch: &Batch) -> Result<()> {
        let ParquetWriter { columns, encoders, schema, .. } = self;
        let threads = (batch.len() * encoders.len() / VALUES_A_THREAD + 1).min(self.threads);
        let work = Mutex::new(encoders.iter_mut().enumerate());
        let take = || work.lock().unwrap_or_else(PoisonError::into_inner).next();
        let push_columns = || {
            let mut result = Ok(());
            while let Some((index, encoder)) = take() {
                let array = columns.array(batch, index);
                result = result.and_then(|()| encoder.push(schema, index, &array));
            }
            result
        };
        std::thread::scope(|scope| {
            // Where a thread cannot be had, the others do its part.
            let spawn = |_| std::thread::Builder::new().spawn_scoped(scope, push_columns).ok();
            let others: Vec<_> = (1..threads).filter_map(spawn).collect();
            let mut result = push_columns();
            for other in others {
                let other = other.join();
                let other = other.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
                result = result.and(other);
            }
            result
        })
    }

    /// Notes a gap. All gaps stand in the footer, as `nodemon.gaps`.
    pub fn gap(&mut self, gap: &Missing) {
        self.gaps.push(metadata::of_gap(gap));
    }

    /// Writes what is left and the footer. Nothing can be written after that.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn finish(&mut self) -> Result<()> {
        self.write_group()?;
        let gaps = Value::Array(std::mem::take(&mut self.gaps)).to_string();
        self.file.append_key_value_metadata(KeyValue::new("nodemon.gaps".to_owned(), gaps));
        self.file.finish().map(drop)
    }

    /// What is written to.
    pub fn inner(&self) -> &W {
        self.file.inner()
    }

    /// What is written to. Of use when the file is finished.
    pub fn inner_mut(&mut self) -> &mut W {
        self.file.inner_mut()
    }

    fn write_group(&mut self) -> Result<()> {
        if self.encoders.is_empty() {
            return Ok(());
        }
        let mut group = self.file.next_row_group()?;
        for leaf in self.encoders.drain(..).flat_map(|encoder| encoder.leaves) {
            leaf.close()?.append_to_row_group(&mut group)?;
        }
        group.close()?;
        self.rows = 0;
        Ok(())
    }
}
