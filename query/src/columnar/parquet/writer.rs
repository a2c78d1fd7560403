//! Row groups, one after the other, and the footer.

use super::column::ColumnEncoder;
use super::page::ThreadScratch;
use super::schema;
use crate::columnar::metadata;
use crate::rows::{Batch, BatchColumn, Header, Missing};
use nodemon_formats::ColumnType;
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
    time: ColumnEncoder,
    columns: Vec<ColumnEncoder>,
    /// Rows of the row group at hand.
    rows: usize,
    /// One a thread.
    scratches: Vec<ThreadScratch>,
    gaps: Vec<Value>,
}

impl<W: Write + Send> ParquetWriter<W> {
    /// A writer of rows of `header` that encodes on up to `threads` threads.
    ///
    /// # Errors
    /// When `out` cannot be written.
    pub fn new(out: W, header: &Header, threads: usize) -> Result<ParquetWriter<W>> {
        let properties = Arc::new(schema::properties(header));
        let file = SerializedFileWriter::new(out, schema::of(header)?, properties)?;
        let kinds = header.fields.iter().map(|field| field.kind);
        let columns = &mut file.schema_descr().columns().iter().cloned();
        let first = columns.next().ok_or_else(no_time)?;
        let time = ColumnEncoder::new(first, ColumnType::I64);
        let encoder = |(descriptor, kind)| ColumnEncoder::new(descriptor, kind);
        let columns = columns.zip(kinds).map(encoder).collect();
        let scratches = (0..threads.max(1)).map(|_| ThreadScratch::new());
        let scratches = scratches.collect::<std::io::Result<_>>()?;
        Ok(ParquetWriter { file, time, columns, rows: 0, scratches, gaps: Vec::new() })
    }

    /// Takes the next rows, which must not be earlier than those before.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn rows(&mut self, batch: &Batch) -> Result<()> {
        if batch.is_empty() {
            return Ok(());
        }
        if let Some(scratch) = self.scratches.first_mut() {
            self.time.push_times(&batch.times, scratch)?;
        }
        self.push(batch)?;
        self.rows += batch.len();
        let bytes = || self.columns.iter().map(ColumnEncoder::size_bytes).sum::<usize>();
        if self.rows >= MAX_ROWS || bytes() >= MAX_BYTES { self.write_group() } else { Ok(()) }
    }

    /// Encodes the columns of a batch; of a large one on several threads, each some of the columns.
    fn push(&mut self, batch: &Batch) -> Result<()> {
        let threads = batch.len() * self.columns.len() / VALUES_A_THREAD + 1;
        let scratches = self.scratches.len().min(threads).max(1);
        let part = self.columns.len().div_ceil(scratches).max(1);
        let work = self.columns.chunks_mut(part).zip(batch.columns.chunks(part));
        let work = Mutex::new(work.zip(&mut self.scratches).collect::<Vec<_>>());
        let take = || work.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let push_parts = || {
            let mut result = Ok(());
            while let Some(((columns, from), scratch)) = take() {
                result = result.and(push_part(batch, columns, from, scratch));
            }
            result
        };
        std::thread::scope(|scope| {
            // Where a thread cannot be had, the others do its part.
            let spawn = |_| std::thread::Builder::new().spawn_scoped(scope, push_parts).ok();
            let others: Vec<_> = (1..scratches).filter_map(spawn).collect();
            let mut result = push_parts();
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
        let Some(scratch) = self.scratches.first_mut().filter(|_| self.rows > 0) else {
            return Ok(());
        };
        let mut group = self.file.next_row_group()?;
        for column in std::iter::once(&mut self.time).chain(&mut self.columns) {
            let (bytes, close) = column.finish(scratch)?;
            group.append_column(&bytes, close)?;
        }
        group.close()?;
        self.rows = 0;
        Ok(())
    }
}

fn push_part(
    batch: &Batch,
    columns: &mut [ColumnEncoder],
    from: &[BatchColumn],
    scratch: &mut ThreadScratch,
) -> Result<()> {
    columns.iter_mut().zip(from).try_for_each(|(column, from)| column.push(batch, from, scratch))
}

fn no_time() -> parquet::errors::ParquetError {
    parquet::errors::ParquetError::General("the schema has no column".to_owned())
}
