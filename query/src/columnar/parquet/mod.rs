//! Parquet: rows of an answer in columns, for DuckDB, Polars, pandas and Spark.
//!
//! Every [column] is encoded as its rows come, while they are still in the cache: a batch into the
//! [values] of a page, a full page into the compressed bytes of its chunk. When the row group is
//! full its chunks are written one after the other. Integers and times are `DELTA_BINARY_PACKED`,
//! strings numbers in a [dictionary], everything zstd. The `parquet` crate writes headers, indexes
//! and the footer; the encodings are ours because they set the pace, at twice that of the crate's in
//! the same bytes (`benches/src/bin/export`).

mod column;
mod delta;
mod dictionary;
mod hybrid;
mod order;
mod pack;
mod page;
mod schema;
#[cfg(test)]
mod tests;
mod values;
mod writer;

pub use writer::ParquetWriter;

use crate::error::QueryError;
use crate::output::Output;
use crate::rows::{Batch, Format, Header, Missing, Sink};
use parquet::errors::ParquetError;
use std::io;

/// The format.
pub const FORMAT: Format = Format {
    name: "parquet",
    about: "Apache Parquet: DELTA_BINARY_PACKED, zstd, units in the metadata",
    extensions: &["parquet"],
    is_binary: true,
    holds_tables: false,
    is_for_people: false,
    sink: |output, header, _| sink(output, header),
    export: Some(|output, header| sink(output, header)),
};

fn sink(output: Output, header: &Header) -> Result<Box<dyn Sink>, QueryError> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    Ok(Box::new(ParquetSink::new(output, header, threads)?))
}

/// Fast, and on these encodings within 2 % of the bytes of level 3.
const ZSTD_LEVEL: i32 = 1;

/// Writes the answer into an output as Parquet.
pub struct ParquetSink {
    writer: ParquetWriter<Output>,
}

impl ParquetSink {
    /// A sink for rows of `header` that encodes on `threads` threads.
    ///
    /// # Errors
    /// When the output cannot be written.
    pub fn new(output: Output, header: &Header, threads: usize) -> Result<ParquetSink, QueryError> {
        let to = output.name().to_owned();
        match ParquetWriter::new(output, header, threads) {
            Ok(writer) => Ok(ParquetSink { writer }),
            Err(error) => Err(QueryError::Write { to, source: io_error(error) }),
        }
    }

    fn failure(&self, error: ParquetError) -> QueryError {
        self.writer.inner().failure(io_error(error))
    }
}

impl Sink for ParquetSink {
    fn rows(&mut self, batch: &Batch) -> Result<(), QueryError> {
        self.writer.rows(batch).map_err(|error| self.failure(error))
    }

    fn gap(&mut self, gap: &Missing) -> Result<(), QueryError> {
        self.writer.gap(gap);
        Ok(())
    }

    fn finish(&mut self) -> Result<(), QueryError> {
        self.writer.finish().map_err(|error| self.failure(error))?;
        self.writer.inner_mut().commit()
    }
}

/// The error of the file, which the crate hands through, or what the crate itself objects to.
fn io_error(error: ParquetError) -> io::Error {
    match error {
        ParquetError::External(source) => match source.downcast::<io::Error>() {
            Ok(error) => *error,
            Err(other) => io::Error::other(other),
        },
        other => io::Error::other(other),
    }
}
