//! One JSON object a line.
//!
//! `{"time":"2026-11-20T03:12:07.001000000Z","cpu":0,"user_ns":1200}`; an absent value is null, a
//! double that JSON cannot say is `"NaN"`, `"Infinity"` or `"-Infinity"`, bytes are hexadecimal, a
//! histogram is `"4096:12 5120:3"` as in CSV. A gap is `{"gap":{"from":..,"to":..,"cause":..,"lost":..,"detail":..}}`.

use super::formatted::{Formatted, hexadecimal};
use super::histogram::pairs;
use super::stamp::Rfc3339;
use crate::error::QueryError;
use crate::output::Output;
use crate::rows::{Batch, Field, Format, Header, Missing, Sink, TIME};
use nodemon_formats::ColumnType;
use nodemon_formats::text::{is_unprintable, readable};
use std::borrow::Cow;
use std::fmt::Write;
use std::sync::Arc;

/// The format.
pub const FORMAT: Format = Format {
    name: "jsonl",
    about: "One JSON object a line",
    extensions: &["jsonl", "ndjson"],
    is_binary: false,
    holds_tables: true,
    is_for_people: false,
    sink: |output, header, options| {
        let several = options.is_one_of_several;
        Ok(Box::new(JsonlSink::new(header.clone(), output, several)))
    },
    export: None,
};

/// Writes rows to an output as lines of JSON.
pub struct JsonlSink {
    header: Arc<Header>,
    output: Output,
    /// `"table":"cpu",` where several tables go to one output.
    table: Vec<u8>,
    /// `,"user_ns":` for each field.
    names: Vec<Vec<u8>>,
    stamps: Rfc3339,
    instants: Rfc3339,
    texts: Formatted,
    bytes: Formatted,
    histograms: Formatted,
    line: Vec<u8>,
}

/// So many bytes are written at a time.
const WRITE_BYTES: usize = 256 << 10;

impl JsonlSink {
    /// A sink that writes rows with these columns to `output`, and says of which table they are
    /// where `with_table` is set.
    pub fn new(header: Arc<Header>, output: Output, with_table: bool) -> JsonlSink {
        let mut table = Vec::new();
        if with_table {
            table.extend_from_slice(b"\"table\":");
            string(&header.table, &mut table);
            table.push(b',');
        }
        let name = |name: &str| {
            let mut text = vec![b','];
            string(name, &mut text);
            text.push(b':');
            text
        };
        let reserved: &[&str] = if with_table { &[TIME, "table"] } else { &[TIME] };
        let names = header.names_beside(reserved).iter().map(|text| name(text)).collect();
        JsonlSink {
            header,
            output,
            table,
            names,
            stamps: Rfc3339::default(),
            instants: Rfc3339::default(),
            texts: Formatted::default(),
            bytes: Formatted::default(),
            histograms: Formatted::default(),
            line: Vec::new(),
        }
    }

    fn value(&mut self, field: &Field, word: u64) {
        if field.is_instant {
            self.line.push(b'"');
            self.line.extend_from_slice(self.instants.text(word.cast_signed()));
            return self.line.push(b'"');
        }
        let mut integers = itoa::Buffer::new();
        let mut floats = ryu::Buffer::new();
        self.line.extend_from_slice(match field.kind {
            ColumnType::U64 => integers.format(word).as_bytes(),
            ColumnType::I64 => integers.format(word.cast_signed()).as_bytes(),
            ColumnType::F64 => float(f64::from_bits(word), &mut floats),
            ColumnType::Bool if word == 0 => b"false",
            ColumnType::Bool => b"true",
            ColumnType::String | ColumnType::Stack => self.texts.get(word),
            ColumnType::Bytes => self.bytes.get(word),
            ColumnType::Histogram => self.histograms.get(word),
        });
    }

    fn write_if_much(&mut self) -> Result<(), QueryError> {
        if self.line.len() >= WRITE_BYTES { self.write() } else { Ok(()) }
    }

    fn write(&mut self) -> Result<(), QueryError> {
        let result = self.output.put(&self.line);
        self.line.clear();
        result
    }
}

fn float(value: f64, buffer: &mut ryu::Buffer) -> &[u8] {
    match value {
        _ if value.is_finite() => buffer.format_finite(value).as_bytes(),
        _ if value.is_nan() => b"\"NaN\"",
        _ if value > 0.0 => b"\"Infinity\"",
        _ => b"\"-Infinity\"",
    }
}

/// Writes `text` as a JSON string. What would act on a terminal is written as `\u001b`, which is
/// the same text to whoever reads JSON.
pub fn string(text: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(escape(&serde_json::Value::from(text).to_string()).as_bytes());
}

/// The same JSON with every character that would act on a terminal as JSON escapes it; such
/// characters stand in strings only.
pub fn escape(json: &str) -> Cow<'_, str> {
    if json.is_ascii() && !json.contains('\x7f') {
        return Cow::Borrowed(json);
    }
    let mut escaped = String::with_capacity(json.len() + 16);
    for character in json.chars() {
        if is_unprintable(character) {
            for unit in character.encode_utf16(&mut [0; 2]) {
                // Writing to a string cannot fail.
                let _ = write!(escaped, "\\u{unit:04x}");
            }
        } else {
            escaped.push(character);
        }
    }
    Cow::Owned(escaped)
}

impl Sink for JsonlSink {
    fn rows(&mut self, batch: &Batch) -> Result<(), QueryError> {
        let fields = &self.header.fields;
        self.texts
            .fill(batch, fields, ColumnType::String, |text, out| string(&readable(text), out));
        let quoted = |write: fn(&[u8], &mut Vec<u8>)| {
            move |bytes: &[u8], out: &mut Vec<u8>| {
                out.push(b'"');
                write(bytes, out);
                out.push(b'"');
            }
        };
        self.bytes.fill(batch, fields, ColumnType::Bytes, quoted(hexadecimal));
        self.histograms.fill(batch, fields, ColumnType::Histogram, quoted(pairs));
        let header = self.header.clone();
        for (row, time) in batch.times.iter().enumerate() {
            self.line.push(b'{');
            self.line.extend_from_slice(&self.table);
            self.line.extend_from_slice(b"\"time\":\"");
            self.line.extend_from_slice(self.stamps.text(*time));
            self.line.push(b'"');
            for (c, (column, field)) in batch.columns.iter().zip(&header.fields).enumerate() {
                self.line.extend_from_slice(&self.names[c]);
                match column.is_present(row) {
                    true => self.value(field, column.words[row]),
                    false => self.line.extend_from_slice(b"null"),
                }
            }
            self.line.extend_from_slice(b"}\n");
            self.write_if_much()?;
        }
        Ok(())
    }

    fn gap(&mut self, gap: &Missing) -> Result<(), QueryError> {
        let line = &mut self.line;
        line.extend_from_slice(b"{\"gap\":{");
        line.extend_from_slice(&self.table);
        line.extend_from_slice(b"\"from\":\"");
        line.extend_from_slice(self.stamps.text(gap.from));
        line.extend_from_slice(b"\",\"to\":\"");
        line.extend_from_slice(self.stamps.text(gap.to));
        line.extend_from_slice(b"\",\"cause\":");
        string(gap.cause.phrase(), line);
        line.extend_from_slice(format!(",\"lost\":{},\"detail\":", gap.lost).as_bytes());
        string(&gap.detail, line);
        line.extend_from_slice(b"}}\n");
        self.write_if_much()
    }

    fn finish(&mut self) -> Result<(), QueryError> {
        self.write()?;
        self.output.commit()
    }
}
