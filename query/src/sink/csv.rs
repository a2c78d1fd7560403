//! Comma-separated values, RFC 4180, with a header line.
//!
//! The first column is the time, the last is `gap`, which is empty in rows. A gap is a line with
//! its start as the time, no values, and its end and its cause in the last column. Where gaps have a
//! file of their own there is neither. An absent value is empty, an empty string is `""`, bytes are
//! hexadecimal, a histogram is `4096:12 5120:3`: for each bucket the smallest value that it takes,
//! and how many there are.

use super::cursor::{Cursor, SLACK};
use super::formatted::{Formatted, hexadecimal};
use super::histogram::pairs;
use super::stamp::Rfc3339;
use crate::error::QueryError;
use crate::output::Output;
use crate::rows::{Batch, Field, Format, Header, Missing, Sink, TIME};
use nodemon_formats::ColumnType;
use nodemon_formats::text::readable;
use std::ops::Range;
use std::sync::Arc;

/// The format.
pub const FORMAT: Format = Format {
    name: "csv",
    about: "Comma-separated values with a header line",
    extensions: &["csv"],
    is_binary: false,
    holds_tables: false,
    is_for_people: false,
    sink: |output, header, _| Ok(Box::new(CsvSink::new(header.clone(), output))),
    export: Some(|output, header| {
        Ok(Box::new(CsvSink::from_encoder(CsvEncoder::new(header.clone()).without_gaps(), output)))
    }),
};

/// About so many bytes are made at a time: what fits the first cache.
const TILE_BYTES: usize = 16 << 10;

/// Encodes rows as CSV.
pub struct CsvEncoder {
    header: Arc<Header>,
    stamps: Rfc3339,
    instants: Rfc3339,
    texts: Formatted,
    bytes: Formatted,
    histograms: Formatted,
    /// Whether there is a column for gaps.
    gaps: bool,
}

impl CsvEncoder {
    /// An encoder of rows with these columns.
    pub fn new(header: Arc<Header>) -> CsvEncoder {
        CsvEncoder {
            header,
            gaps: true,
            stamps: Rfc3339::default(),
            instants: Rfc3339::default(),
            texts: Formatted::default(),
            bytes: Formatted::default(),
            histograms: Formatted::default(),
        }
    }

    /// The same without the column for gaps.
    #[must_use]
    pub fn without_gaps(self) -> CsvEncoder {
        CsvEncoder { gaps: false, ..self }
    }

    /// Appends the header line to `out`.
    pub fn header(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"time");
        let reserved: &[&str] = if self.gaps { &[TIME, "gap"] } else { &[TIME] };
        for name in self.header.names_beside(reserved) {
            out.push(b',');
            quote(&name, out);
        }
        out.extend_from_slice(if self.gaps { b",gap\n" } else { b"\n" });
    }

    /// Appends rows to `out`.
    pub fn rows(&mut self, batch: &Batch, out: &mut Vec<u8>) {
        let fields = &self.header.fields;
        self.texts.fill(batch, fields, ColumnType::String, |text, out| quote(&readable(text), out));
        self.bytes.fill(batch, fields, ColumnType::Bytes, hexadecimal);
        self.histograms.fill(batch, fields, ColumnType::Histogram, |cell, out| {
            let start = out.len();
            pairs(cell, out);
            if out.len() == start {
                out.extend_from_slice(b"\"\"");
            }
        });
        let row_bytes = self.row_bytes();
        let tile = (TILE_BYTES / row_bytes).clamp(1, batch.len().max(1));
        for start in (0..batch.len()).step_by(tile) {
            let rows = start..batch.len().min(start + tile);
            let written = out.len();
            out.resize(written + rows.len() * row_bytes + SLACK, 0);
            let mut cursor = Cursor::new(&mut out[written..]);
            self.tile(batch, rows, &mut cursor);
            let end = written + cursor.len();
            out.truncate(end);
        }
    }

    /// The most that a row of the batch at hand can take.
    fn row_bytes(&self) -> usize {
        let of_field = |field: &Field| match field.kind {
            ColumnType::I64 if field.is_instant => Rfc3339::LENGTH,
            ColumnType::U64 | ColumnType::I64 => 20,
            ColumnType::F64 => 24,
            ColumnType::Bool => 5,
            ColumnType::String | ColumnType::Stack => self.texts.longest(),
            ColumnType::Bytes => self.bytes.longest(),
            ColumnType::Histogram => self.histograms.longest(),
        };
        let fields: usize = self.header.fields.iter().map(|field| 1 + of_field(field)).sum();
        Rfc3339::LENGTH + fields + ",\n".len()
    }

    fn tile(&mut self, batch: &Batch, rows: Range<usize>, cursor: &mut Cursor<'_>) {
        let columns: Vec<_> = batch.columns.iter().zip(&self.header.fields).collect();
        let columns: Vec<_> = columns
            .iter()
            .map(|(column, field)| (field, &column.words[..], column.present.as_ref()))
            .collect();
        let mut floats = ryu::Buffer::new();
        for row in rows {
            cursor.array(self.stamps.text(batch.times[row]));
            for (field, words, present) in &columns {
                cursor.byte(b',');
                if present.is_some_and(|bits| !bits.get(row)) {
                    continue;
                }
                let word = words[row];
                match field.kind {
                    ColumnType::I64 if field.is_instant => {
                        cursor.array(self.instants.text(word.cast_signed()));
                    }
                    ColumnType::U64 => cursor.integer(word),
                    ColumnType::I64 => cursor.signed(word.cast_signed()),
                    ColumnType::F64 => cursor.text(floats.format(f64::from_bits(word)).as_bytes()),
                    ColumnType::Bool if word == 0 => cursor.text(b"false"),
                    ColumnType::Bool => cursor.text(b"true"),
                    ColumnType::String | ColumnType::Stack => cursor.text(self.texts.get(word)),
                    ColumnType::Bytes => cursor.text(self.bytes.get(word)),
                    ColumnType::Histogram => cursor.text(self.histograms.get(word)),
                }
            }
            if self.gaps {
                cursor.byte(b',');
            }
            cursor.byte(b'\n');
        }
    }

    /// Appends the line of a gap to `out`, where there is a column for it.
    pub fn gap(&mut self, gap: &Missing, out: &mut Vec<u8>) {
        if !self.gaps {
            return;
        }
        out.extend_from_slice(self.stamps.text(gap.from));
        out.resize(out.len() + self.header.fields.len() + 1, b',');
        let until = self.stamps.text(gap.to);
        let text = format!("until {}: {}", String::from_utf8_lossy(until), gap.why());
        quote(&text, out);
        out.push(b'\n');
    }
}

/// Writes `text` in quotes where it would be read as something else without.
fn quote(text: &str, out: &mut Vec<u8>) {
    let special = |b: &u8| matches!(b, b',' | b'"' | b'\n' | b'\r');
    if !text.is_empty() && !text.as_bytes().iter().any(special) && text.trim() == text {
        return out.extend_from_slice(text.as_bytes());
    }
    out.push(b'"');
    for &b in text.as_bytes() {
        if b == b'"' {
            out.push(b'"');
        }
        out.push(b);
    }
    out.push(b'"');
}

/// Writes rows to an output as CSV.
pub struct CsvSink {
    encoder: CsvEncoder,
    output: Output,
    text: Vec<u8>,
}

/// So many bytes are written at a time.
const WRITE_BYTES: usize = 256 << 10;

impl CsvSink {
    /// A sink that writes rows with these columns to `output`.
    pub fn new(header: Arc<Header>, output: Output) -> CsvSink {
        CsvSink::from_encoder(CsvEncoder::new(header), output)
    }

    /// A sink that writes what `encoder` makes of rows to `output`.
    pub fn from_encoder(encoder: CsvEncoder, output: Output) -> CsvSink {
        let mut text = Vec::with_capacity(2 * WRITE_BYTES);
        encoder.header(&mut text);
        CsvSink { encoder, output, text }
    }

    fn write_if_much(&mut self) -> Result<(), QueryError> {
        if self.text.len() >= WRITE_BYTES { self.write() } else { Ok(()) }
    }

    fn write(&mut self) -> Result<(), QueryError> {
        let result = self.output.put(&self.text);
        self.text.clear();
        result
    }
}

impl Sink for CsvSink {
    fn rows(&mut self, batch: &Batch) -> Result<(), QueryError> {
        self.encoder.rows(batch, &mut self.text);
        self.write_if_much()
    }

    fn gap(&mut self, gap: &Missing) -> Result<(), QueryError> {
        self.encoder.gap(gap, &mut self.text);
        self.write_if_much()
    }

    fn finish(&mut self) -> Result<(), QueryError> {
        self.write()?;
        self.output.commit()
    }
}
