//! Columns of a batch as Arrow arrays.

use crate::rows::{Batch, BatchColumn, Bitmap};
use arrow_array::builder::{BinaryBuilder, StringBuilder};
use arrow_array::types::{
    ArrowPrimitiveType, Float64Type, Int64Type, TimestampNanosecondType, UInt64Type,
};
use arrow_array::{ArrayRef, BooleanArray, PrimitiveArray};
use arrow_buffer::{BooleanBuffer, Buffer, NullBuffer, ScalarBuffer};
use nodemon_formats::ColumnType;
use nodemon_formats::text::readable;
use std::sync::Arc;

/// The times of the rows.
pub fn of_times(batch: &Batch) -> ArrayRef {
    let times =
        PrimitiveArray::<TimestampNanosecondType>::from_iter_values(batch.times.iter().copied());
    Arc::new(times.with_timezone("UTC"))
}

/// One column, of type `kind`.
pub fn of(batch: &Batch, column: &BatchColumn, kind: ColumnType) -> ArrayRef {
    match kind {
        ColumnType::U64 => primitive::<UInt64Type>(column),
        ColumnType::I64 => primitive::<Int64Type>(column),
        ColumnType::F64 => primitive::<Float64Type>(column),
        ColumnType::Bool => {
            let bits = BooleanBuffer::collect_bool(batch.len(), |row| column.words[row] != 0);
            Arc::new(BooleanArray::new(bits, nulls(column)))
        }
        ColumnType::String => {
            let mut builder = StringBuilder::with_capacity(batch.len(), batch.len() * 8);
            for text in texts(batch, column) {
                builder.append_option(text.map(readable));
            }
            Arc::new(builder.finish())
        }
        ColumnType::Bytes | ColumnType::Histogram => {
            let mut builder = BinaryBuilder::with_capacity(batch.len(), batch.len() * 8);
            texts(batch, column).for_each(|bytes| builder.append_option(bytes));
            Arc::new(builder.finish())
        }
    }
}

/// Words are values by their bits, which is what Arrow has.
fn primitive<T: ArrowPrimitiveType>(column: &BatchColumn) -> ArrayRef {
    let words = Buffer::from_vec(column.words.clone());
    let values = ScalarBuffer::new(words, 0, column.words.len());
    Arc::new(PrimitiveArray::<T>::new(values, nulls(column)))
}

fn nulls(column: &BatchColumn) -> Option<NullBuffer> {
    let of = |bits: &Bitmap| {
        let words = Buffer::from_vec(bits.words().to_vec());
        NullBuffer::new(BooleanBuffer::new(words, 0, bits.len()))
    };
    column.present.as_ref().map(of)
}

fn texts<'a>(batch: &'a Batch, column: &'a BatchColumn) -> impl Iterator<Item = Option<&'a [u8]>> {
    let text = |word: u64| batch.strings.get(word as u32);
    let rows = column.words.iter().enumerate();
    rows.map(move |(row, word)| column.is_present(row).then(|| text(*word)))
}
