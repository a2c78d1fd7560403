//! The values of a page while they gather, encoded as they come.

use super::delta::DeltaEncoder;
use super::dictionary::TextEncoder;
use crate::rows::Bitmap;
use nodemon_formats::ColumnType;
use parquet::basic::Encoding;

/// Values of a column, by how they are encoded.
pub enum Values {
    /// Integers.
    Integers(DeltaEncoder),
    /// Doubles, as they are.
    Doubles(Vec<u8>),
    /// Truth values, one bit each.
    Bools(Bitmap),
    /// Strings and bytes.
    Texts(Box<TextEncoder>),
}

impl Values {
    /// No values of type `kind`.
    pub fn new(kind: ColumnType) -> Values {
        match kind {
            ColumnType::U64 | ColumnType::I64 => Values::Integers(DeltaEncoder::new()),
            ColumnType::F64 => Values::Doubles(Vec::new()),
            ColumnType::Bool => Values::Bools(Bitmap::default()),
            ColumnType::String | ColumnType::Bytes | ColumnType::Histogram => {
                Values::Texts(Box::new(TextEncoder::new(kind)))
            }
        }
    }

    /// Takes the words of values. Strings are taken by [`TextEncoder::push`].
    pub fn push(&mut self, words: &[u64]) {
        match self {
            Values::Integers(encoder) => encoder.push(words),
            Values::Doubles(bytes) => {
                words.iter().for_each(|word| bytes.extend(word.to_le_bytes()))
            }
            Values::Bools(bits) => words.iter().for_each(|word| bits.push(word & 1 == 1)),
            Values::Texts(_) => debug_assert!(false, "a text is more than a word"),
        }
    }

    /// Appends all values since the last call to `out`, and says how they are encoded.
    pub fn flush(&mut self, out: &mut Vec<u8>) -> Encoding {
        match self {
            Values::Integers(encoder) => {
                encoder.flush(out);
                Encoding::DELTA_BINARY_PACKED
            }
            Values::Doubles(bytes) => {
                out.append(bytes);
                Encoding::PLAIN
            }
            Values::Bools(bits) => {
                let start = out.len();
                bits.words().iter().for_each(|word| out.extend_from_slice(&word.to_le_bytes()));
                out.truncate(start + bits.len().div_ceil(8));
                *bits = Bitmap::default();
                Encoding::PLAIN
            }
            Values::Texts(encoder) => encoder.flush(out),
        }
    }
}
