//! Arrow: the IPC stream format, for pandas, Polars and everything else that takes batches of
//! columns from a pipe.
//!
//! What the table is stands in the metadata of the schema, what a column is in that of its field.
//! A gap is a batch without rows, in its place among the others, that carries the gap as JSON in
//! the metadata of its message.

mod column;
mod endpoint;
mod gap;
pub mod schema;
#[cfg(test)]
mod tests;

pub use endpoint::Columns;

use crate::error::QueryError;
use crate::output::Output;
use crate::rows::{Batch, Format, Header, Missing, Sink};
use arrow_array::RecordBatch;
use arrow_ipc::writer::{IpcWriteOptions, StreamWriter, write_message};
use arrow_schema::{ArrowError, SchemaRef};
use std::io::{self, BufWriter, Write};
use std::sync::Arc;

/// The format.
pub const FORMAT: Format = Format {
    name: "arrow",
    about: "Apache Arrow IPC stream",
    extensions: &["arrow", "arrows"],
    is_binary: true,
    holds_tables: false,
    is_for_people: false,
    sink: |output, header, _| Ok(Box::new(ArrowSink::new(output, header)?)),
    export: None,
};

/// Writes an Arrow IPC stream to `W`.
pub struct ArrowWriter<W: Write> {
    columns: Columns,
    schema: SchemaRef,
    stream: StreamWriter<BufWriter<W>>,
}

impl<W: Write> ArrowWriter<W> {
    /// A writer of rows with these columns.
    ///
    /// # Errors
    /// When `out` cannot be written.
    pub fn new(out: W, header: &Header) -> Result<ArrowWriter<W>, ArrowError> {
        let columns = Columns::from_header(header);
        let schema = Arc::new(schema::from_header(&columns.header));
        let stream = StreamWriter::try_new(BufWriter::with_capacity(1 << 16, out), &schema)?;
        Ok(ArrowWriter { columns, schema, stream })
    }

    /// Writes rows.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn rows(&mut self, batch: &Batch) -> Result<(), ArrowError> {
        let indices = 0..self.schema.fields().len();
        let columns = indices.map(|index| self.columns.array(batch, index)).collect();
        self.stream.write(&RecordBatch::try_new(self.schema.clone(), columns)?)
    }

    /// Writes a gap.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn gap(&mut self, gap: &Missing) -> Result<(), ArrowError> {
        let message = gap::message(&self.columns.header, gap);
        write_message(self.stream.get_mut(), message, &IpcWriteOptions::default())?;
        Ok(())
    }

    /// Ends the stream.
    ///
    /// # Errors
    /// When that cannot be written.
    pub fn finish(&mut self) -> Result<(), ArrowError> {
        self.stream.finish()
    }

    /// What is written to.
    pub fn inner(&self) -> &W {
        self.stream.get_ref().get_ref()
    }

    /// What is written to. Of use when the stream has ended.
    pub fn inner_mut(&mut self) -> &mut W {
        self.stream.get_mut().get_mut()
    }
}

/// Writes the answer into an output as an Arrow IPC stream.
pub struct ArrowSink {
    writer: ArrowWriter<Output>,
}

impl ArrowSink {
    /// A sink for rows with these columns.
    ///
    /// # Errors
    /// When the output cannot be written.
    pub fn new(output: Output, header: &Header) -> Result<ArrowSink, QueryError> {
        let to = output.name().to_owned();
        match ArrowWriter::new(output, header) {
            Ok(writer) => Ok(ArrowSink { writer }),
            Err(error) => Err(QueryError::Write { to, source: io_error(error) }),
        }
    }

    fn failure(&self, error: ArrowError) -> QueryError {
        self.writer.inner().failure(io_error(error))
    }
}

impl Sink for ArrowSink {
    fn rows(&mut self, batch: &Batch) -> Result<(), QueryError> {
        self.writer.rows(batch).map_err(|error| self.failure(error))
    }

    fn gap(&mut self, gap: &Missing) -> Result<(), QueryError> {
        self.writer.gap(gap).map_err(|error| self.failure(error))
    }

    fn finish(&mut self) -> Result<(), QueryError> {
        self.writer.finish().map_err(|error| self.failure(error))?;
        self.writer.inner_mut().commit()
    }
}

fn io_error(error: ArrowError) -> io::Error {
    match error {
        ArrowError::IoError(_, source) => source,
        other => io::Error::other(other),
    }
}
