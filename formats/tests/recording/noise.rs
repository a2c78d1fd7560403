//! A table of rows that are noise, so that they take their size on disk, and can be told by their
//! time alone.

use super::support::{push, rows_of};
use nodemon_formats::record::RecordBuilder;
use nodemon_formats::schema::{ColumnType, Schema, unit};
use nodemon_formats::value::Value;
use nodemon_formats::writer::RecordingWriter;
use std::path::Path;

/// A table whose rows are noise, so that they take their size on disk.
pub fn noise() -> Schema {
    let mut schema = Schema::sample("noise", "a test", "incompressible")
        .key("lane", ColumnType::U64, "which generator")
        .gauge("word", ColumnType::U64, unit::COUNT, "random");
    schema.interval_ns = 1_000_000;
    schema
}

/// What lane `lane` holds at `row`: SplitMix64.
pub fn word(row: u64, lane: u64) -> u64 {
    let mut z = (row << 8 | lane).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

pub const LANES: u64 = 16;

pub fn push_noise(
    writer: &mut RecordingWriter,
    record: &mut RecordBuilder,
    table: u32,
    rows: std::ops::Range<u64>,
) {
    for row in rows {
        record.begin_sample(1_000_000 + row * 1_000_000);
        for lane in 0..LANES {
            record.instance(|key| key.u64(lane));
            record.u64(word(row, lane));
        }
        record.end_sample();
    }
    push(writer, record, table);
}

pub fn assert_rows(dir: &Path, least: usize) -> (u64, u64) {
    let (rows, problems) = rows_of(dir, "noise", 2);
    assert!(problems.is_empty(), "{problems:?}");
    assert!(rows.len() >= least, "{} rows, at least {least} should be there", rows.len());
    let first = rows[0].0 / 1_000_000 - 1;
    for (number, rows) in (first..).zip(rows.chunks(LANES as usize)) {
        for (lane, (time, keys, values)) in rows.iter().enumerate() {
            assert_eq!(*time, 1_000_000 + number * 1_000_000, "a row is missing");
            assert_eq!(keys[0], Value::U64(lane as u64));
            assert_eq!(values[0], Value::U64(word(number, lane as u64)));
        }
    }
    (rows[0].0, rows[rows.len() - 1].0)
}
