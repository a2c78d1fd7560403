//! Row groups, one after the other, and the footer.

use super::chunk::ChunkEncoder;
use super::group::{Group, GroupColumn};
use super::schema;
use crate::columnar::metadata;
use crate::rows::{Batch, Header, Missing};
use bytes::Bytes;
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::Result;
use parquet::file::metadata::KeyValue;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::ColumnDescPtr;
use serde_json::Value;
use std::io::Write;
use std::sync::Arc;

/// Writes a Parquet file to `W`.
pub struct ParquetWriter<W: Write + Send> {
    file: SerializedFileWriter<W>,
    group: Group,
    /// One a thread.
    encoders: Vec<ChunkEncoder>,
    gaps: Vec<Value>,
}

impl<W: Write + Send> ParquetWriter<W> {
    /// A writer of rows of `header` that encodes on `threads` threads.
    ///
    /// # Errors
    /// When `out` cannot be written.
    pub fn new(out: W, header: &Header, threads: usize) -> Result<ParquetWriter<W>> {
        let properties = Arc::new(schema::properties(header));
        let encoders = (0..threads.max(1)).map(|_| ChunkEncoder::new());
        Ok(ParquetWriter {
            encoders: encoders.collect::<std::io::Result<_>>()?,
            file: SerializedFileWriter::new(out, schema::of(header)?, properties)?,
            group: Group::new(header),
            gaps: Vec::new(),
        })
    }

    /// Takes the next rows, which must not be earlier than those before.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn rows(&mut self, batch: &Batch) -> Result<()> {
        self.group.add(batch);
        if self.group.is_full() { self.write_group() } else { Ok(()) }
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
        if self.group.rows() == 0 {
            return Ok(());
        }
        let descriptors = self.file.schema_descr().columns().to_vec();
        let columns = encode(&mut self.encoders, &descriptors, &self.group.columns)?;
        let mut group = self.file.next_row_group()?;
        for (bytes, close) in columns {
            group.append_column(&bytes, close)?;
        }
        group.close()?;
        self.group.clear();
        Ok(())
    }
}

type EncodedChunk = (Bytes, ColumnCloseResult);

/// Encodes the columns, each encoder on a thread of its own where there are several.
fn encode(
    encoders: &mut [ChunkEncoder],
    descriptors: &[ColumnDescPtr],
    columns: &[GroupColumn],
) -> Result<Vec<EncodedChunk>> {
    if let [encoder] = encoders {
        return encode_part(encoder, descriptors, columns);
    }
    let part = columns.len().div_ceil(encoders.len().max(1)).max(1);
    let parts: Vec<Result<Vec<EncodedChunk>>> = std::thread::scope(|scope| {
        let work = encoders.iter_mut().zip(descriptors.chunks(part).zip(columns.chunks(part)));
        let threads: Vec<_> = work
            .map(|(encoder, (descriptors, columns))| {
                scope.spawn(move || encode_part(encoder, descriptors, columns))
            })
            .collect();
        let joined = threads.into_iter().map(|thread| thread.join());
        joined.map(|part| part.unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
    });
    let mut all = Vec::with_capacity(columns.len());
    for part in parts {
        all.extend(part?);
    }
    Ok(all)
}

fn encode_part(
    encoder: &mut ChunkEncoder,
    descriptors: &[ColumnDescPtr],
    columns: &[GroupColumn],
) -> Result<Vec<EncodedChunk>> {
    let both = descriptors.iter().zip(columns);
    both.map(|(descriptor, column)| encoder.encode(descriptor, column)).collect()
}
