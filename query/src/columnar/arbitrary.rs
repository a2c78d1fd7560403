//! Arbitrary answers for property tests, and what a reader has to find in them.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use crate::rows::{Batch, BatchColumn, Bitmap, Field, Header, Missing, Role};
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type, UInt64Type};
use arrow_array::{Array, ArrayRef};
use nodemon_formats::histogram::{bounds, buckets};
use nodemon_formats::interner::Interner;
use nodemon_formats::{Column, ColumnType, GapCause, Histogram, Schema, Semantics, Value};
use proptest::collection::vec;
use proptest::prelude::*;
use std::fmt;

/// A header and batches of rows that fit it.
#[derive(Clone)]
pub struct Answer {
    pub header: Header,
    pub batches: Vec<Batch>,
}

/// Its shape; the values would fill pages.
impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds: Vec<_> = self.header.fields.iter().map(|field| field.kind).collect();
        let rows: Vec<_> = self.batches.iter().map(Batch::len).collect();
        f.debug_struct("Answer").field("kinds", &kinds).field("rows", &rows).finish()
    }
}

const KINDS: [ColumnType; 7] = [
    ColumnType::U64,
    ColumnType::I64,
    ColumnType::F64,
    ColumnType::Bool,
    ColumnType::String,
    ColumnType::Bytes,
    ColumnType::Histogram,
];

/// How the words of a column run: what counters, gauges, resets and noise look like.
#[derive(Clone, Copy, Debug)]
enum Course {
    Constant(u64),
    Counter(u64),
    Noise,
}

fn course() -> impl Strategy<Value = Course> {
    prop_oneof![
        any::<u64>().prop_map(Course::Constant),
        (0u32..64).prop_map(|bits| Course::Counter(1 << bits)),
        Just(Course::Noise),
    ]
}

/// Up to 8 columns of any type and up to 40 batches of up to 300 rows, so that pages and words of
/// presence bits end in the middle of batches.
pub fn answer() -> impl Strategy<Value = Answer> {
    let column = (0..KINDS.len(), course(), 0u8..4);
    let sizes = vec(0usize..300, 0..40);
    (vec(column, 0..8), sizes, any::<u64>()).prop_map(|(columns, sizes, seed)| {
        let mut random = Random(seed | 1);
        let kinds: Vec<_> = columns.iter().map(|(kind, ..)| KINDS[*kind]).collect();
        let mut time = 1_795_144_327_000_000_000i64;
        let mut last = vec![0u64; columns.len()];
        let batches = sizes.into_iter().map(|rows| {
            let mut batch = Batch::default();
            for _ in 0..rows {
                time += (random.next() % 3) as i64 * 1_000_003;
                batch.times.push(time);
            }
            for (c, (_, course, absent)) in columns.iter().enumerate() {
                let column = words(kinds[c], *course, rows, &mut last[c], &mut random);
                let words = match kinds[c].is_dictionary() {
                    true => intern(kinds[c], &column, &mut batch.strings),
                    false => column,
                };
                let present = match absent {
                    0 | 1 => None,
                    2 => Some(Bitmap::from_fn(rows, |row| row % 7 != 3)),
                    _ => Some(Bitmap::filled(rows, false)),
                };
                batch.columns.push(BatchColumn { words, present });
            }
            batch
        });
        Answer { batches: batches.collect(), header: header(&kinds) }
    })
}

/// A header with a column of each of `kinds`, `c0`, `c1`, ...
pub fn header(kinds: &[ColumnType]) -> Header {
    let schema = Schema::sample("disk", "/proc/diskstats", "Traffic of \"block\" devices");
    let mut header = Header::from_schema(&schema, "node1");
    for (c, kind) in kinds.iter().enumerate() {
        let column = Column::new(&format!("c{c}"), *kind, Semantics::Counter, "ns", "some, doc");
        let role = if c == 0 { Role::Key } else { Role::Value };
        header.fields.push(Field::from_column(&column, role));
    }
    header
}

/// A gap to look for.
pub fn gap() -> Missing {
    Missing {
        from: 1_795_144_327_000_000_001,
        to: 1_795_144_328_000_000_002,
        cause: GapCause::Disk,
        lost: 12,
        detail: "No space left on \"/dev/vda\"".to_owned(),
    }
}

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

fn words(
    kind: ColumnType,
    course: Course,
    rows: usize,
    last: &mut u64,
    random: &mut Random,
) -> Vec<u64> {
    let mut next = || {
        *last = match course {
            Course::Constant(word) => word,
            Course::Counter(step) => last.wrapping_add(random.next() % step.saturating_mul(2)),
            Course::Noise => random.next(),
        };
        if kind == ColumnType::Bool { *last & 1 } else { *last }
    };
    (0..rows).map(|_| next()).collect()
}

/// Strings of few and of many kinds; of raw bytes also such as are not UTF-8; histograms of up to
/// five values.
fn intern(kind: ColumnType, words: &[u64], strings: &mut Interner) -> Vec<u64> {
    let text = |word: &u64| match kind {
        ColumnType::String => format!("sd{}", word % 1000).into_bytes(),
        ColumnType::Histogram => {
            let mut histogram = Histogram::new();
            (0..word % 6).for_each(|nth| histogram.add(word.rotate_left(nth as u32 * 8) % 5000));
            let mut cell = Vec::new();
            histogram.encode(&mut cell);
            cell
        }
        _ => (word % 1000).to_be_bytes().to_vec(),
    };
    words.iter().map(|word| u64::from(strings.intern(&text(word)))).collect()
}

impl Answer {
    /// Times of all rows.
    pub fn times(&self) -> Vec<i64> {
        self.batches.iter().flat_map(|batch| batch.times.iter().copied()).collect()
    }

    /// Values of column `c` in all rows; of histograms [`pairs_text`].
    pub fn values(&self, c: usize) -> Vec<Value> {
        let kind = self.header.fields[c].kind;
        let of_batch = |batch: &Batch| -> Vec<Value> {
            let column = &batch.columns[c];
            let value = |row: usize| match kind {
                _ if !column.is_present(row) => Value::Absent,
                ColumnType::String => {
                    let text = batch.strings.get(column.words[row] as u32);
                    Value::String(String::from_utf8(text.to_vec()).unwrap())
                }
                ColumnType::Histogram => {
                    let cell = batch.strings.get(column.words[row] as u32);
                    let pairs = buckets(cell).flatten();
                    Value::String(pairs_text(pairs.map(|(at, count)| (*bounds(at).start(), count))))
                }
                ColumnType::Bytes => {
                    Value::Bytes(batch.strings.get(column.words[row] as u32).to_vec())
                }
                kind => Value::from_word(kind, column.words[row]),
            };
            (0..batch.len()).map(value).collect()
        };
        self.batches.iter().flat_map(of_batch).collect()
    }
}

/// Buckets, each by the smallest value that it takes and how many it has, as text.
pub fn pairs_text(pairs: impl Iterator<Item = (u64, u64)>) -> String {
    pairs.map(|(lower, count)| format!("{lower}:{count}")).collect::<Vec<_>>().join(" ")
}

/// What an Arrow array of a column of type `kind` has in each of its rows.
pub fn values_of(column: &ArrayRef, kind: ColumnType) -> Vec<Value> {
    let value = |row: usize| match kind {
        _ if column.is_null(row) => Value::Absent,
        ColumnType::U64 => Value::U64(column.as_primitive::<UInt64Type>().value(row)),
        ColumnType::I64 => Value::I64(column.as_primitive::<Int64Type>().value(row)),
        ColumnType::F64 => Value::F64(column.as_primitive::<Float64Type>().value(row)),
        ColumnType::Bool => Value::Bool(column.as_boolean().value(row)),
        ColumnType::String | ColumnType::Stack => {
            Value::String(column.as_string::<i32>().value(row).to_owned())
        }
        ColumnType::Bytes => Value::Bytes(column.as_binary::<i32>().value(row).to_vec()),
        ColumnType::Histogram => {
            let buckets = column.as_list::<i32>().value(row);
            let numbers = |name: &str| -> Vec<u64> {
                let numbers = buckets.as_struct().column_by_name(name).unwrap();
                numbers.as_primitive::<UInt64Type>().values().to_vec()
            };
            let pairs = numbers("lower").into_iter().zip(numbers("count"));
            Value::String(pairs_text(pairs))
        }
    };
    (0..column.len()).map(value).collect()
}

/// Equal also where both are the same NaN.
pub fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::F64(a), Value::F64(b)) => a.to_bits() == b.to_bits(),
        _ => a == b,
    }
}
