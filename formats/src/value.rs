//! One cell, as a person or a program outside sees it.

use crate::schema::ColumnType;
use std::fmt;

/// A typed value: what a key or a cell holds once it is out of its column.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Unsigned integer.
    U64(u64),
    /// Signed integer.
    I64(i64),
    /// IEEE 754 double; NaN payloads survive.
    F64(f64),
    /// Truth value.
    Bool(bool),
    /// Text; invalid UTF-8 from the kernel is replaced when it is read.
    String(String),
    /// Raw bytes; the cell of a histogram.
    Bytes(Vec<u8>),
    /// The source could not get this value. Not zero, not empty: absent.
    Absent,
}

impl Value {
    /// Builds the value of a scalar column from the 64-bit word that is stored for it.
    ///
    /// Columns of strings, bytes, histograms and stacks store an index into a dictionary instead, so for
    /// them this returns the index as [`Value::U64`].
    pub fn from_word(kind: ColumnType, word: u64) -> Value {
        match kind {
            ColumnType::U64
            | ColumnType::String
            | ColumnType::Bytes
            | ColumnType::Histogram
            | ColumnType::Stack => Value::U64(word),
            ColumnType::I64 => Value::I64(word.cast_signed()),
            ColumnType::F64 => Value::F64(f64::from_bits(word)),
            ColumnType::Bool => Value::Bool(word != 0),
        }
    }

    /// The value as a number, where it is one.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Value::U64(v) => Some(*v as f64),
            Value::I64(v) => Some(*v as f64),
            Value::F64(v) => Some(*v),
            Value::Bool(v) => Some(f64::from(u8::from(*v))),
            _ => None,
        }
    }

    /// The value as text, where it is text.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::String(s) => Some(s),
            _ => None,
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::U64(v) => v.fmt(f),
            Value::I64(v) => v.fmt(f),
            Value::F64(v) => v.fmt(f),
            Value::Bool(v) => v.fmt(f),
            Value::String(s) => s.fmt(f),
            Value::Bytes(bytes) => bytes.iter().try_for_each(|b| write!(f, "{b:02x}")),
            Value::Absent => Ok(()),
        }
    }
}
