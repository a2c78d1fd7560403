//! Parquet: rows of an answer in columns, for DuckDB, Polars, pandas and Spark.
//!
//! The `parquet` crate encodes the columns that [`arrow`](super::arrow) makes, as the rows come and
//! on several threads; how it is told to ([properties]) makes the files small. When the row group is
//! full its chunks are written one after the other.

mod properties;
#[cfg(test)]
mod tests;
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
