//! Columns of a batch as Arrow arrays.

use super::schema;
use crate::rows::{Batch, BatchColumn, Bitmap, Field};
use arrow_array::builder::{BinaryBuilder, StringBuilder};
use arrow_array::types::{
    ArrowPrimitiveType, Float64Type, Int64Type, TimestampNanosecondType, UInt64Type,
};
use arrow_array::{ArrayRef, BooleanArray, ListArray, PrimitiveArray, StructArray, UInt64Array};
use arrow_buffer::{BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use nodemon_formats::ColumnType;
use nodemon_formats::histogram::{bounds, buckets};
use nodemon_formats::text::readable;
use std::sync::Arc;

/// The times of the rows.
pub fn times(batch: &Batch) -> ArrayRef {
    instants(batch.times.clone(), None)
}

/// The values of one column, which `field` describes.
pub fn values(batch: &Batch, column: &BatchColumn, field: &Field) -> ArrayRef {
    match field.kind {
        ColumnType::I64 if field.is_instant => {
            instants(column.words.iter().map(|word| word.cast_signed()).collect(), nulls(column))
        }
        ColumnType::U64 => primitive::<UInt64Type>(column),
        ColumnType::I64 => primitive::<Int64Type>(column),
        ColumnType::F64 => primitive::<Float64Type>(column),
        ColumnType::Bool => {
            let bits = BooleanBuffer::collect_bool(batch.len(), |row| column.words[row] != 0);
            Arc::new(BooleanArray::new(bits, nulls(column)))
        }
        ColumnType::String | ColumnType::Stack => {
            let mut builder = StringBuilder::with_capacity(batch.len(), batch.len() * 8);
            for text in texts(batch, column) {
                builder.append_option(text.map(readable));
            }
            Arc::new(builder.finish())
        }
        ColumnType::Histogram => histograms(batch, column),
        ColumnType::Bytes => {
            let mut builder = BinaryBuilder::with_capacity(batch.len(), batch.len() * 8);
            texts(batch, column).for_each(|bytes| builder.append_option(bytes));
            Arc::new(builder.finish())
        }
    }
}

fn instants(times: Vec<i64>, nulls: Option<NullBuffer>) -> ArrayRef {
    let times = PrimitiveArray::<TimestampNanosecondType>::new(times.into(), nulls);
    Arc::new(times.with_timezone("UTC"))
}

/// A list a row: of each bucket that has values the smallest that it takes, and how many.
fn histograms(batch: &Batch, column: &BatchColumn) -> ArrayRef {
    let (mut lowers, mut counts) = (Vec::new(), Vec::new());
    let lengths = texts(batch, column).map(|cell| {
        let before = lowers.len();
        for (index, count) in cell.into_iter().flat_map(buckets).flatten() {
            lowers.push(*bounds(index).start());
            counts.push(count);
        }
        lowers.len() - before
    });
    let offsets = OffsetBuffer::from_lengths(lengths);
    let values: Vec<ArrayRef> =
        vec![Arc::new(UInt64Array::from(lowers)), Arc::new(UInt64Array::from(counts))];
    let buckets = StructArray::new(schema::bucket_fields(), values, None);
    Arc::new(ListArray::new(schema::bucket(), offsets, Arc::new(buckets), nulls(column)))
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

/// The texts of the rows, none where there is no value.
pub fn texts<'a>(
    batch: &'a Batch,
    column: &'a BatchColumn,
) -> impl Iterator<Item = Option<&'a [u8]>> {
    let text = |word: u64| batch.strings.at_word(word);
    let rows = column.words.iter().enumerate();
    rows.map(move |(row, word)| column.is_present(row).then(|| text(*word)))
}
