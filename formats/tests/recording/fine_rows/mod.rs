//! Rows of tables that are sampled more often than once a second have a ring of their own.

mod moves;
mod rings;

use crate::noise::{LANES, noise, push_noise, word};
use crate::support::{Row, push};
use nodemon_formats::record::RecordBuilder;
use nodemon_formats::schema::{ColumnType, Schema, unit};
use nodemon_formats::writer::{LEAST_RING_BYTES, RecordingWriter, TierOptions, WriterOptions};
use std::path::Path;

pub const SECOND_NS: u64 = 1_000_000_000;
/// Rows of noise a second: 128 KiB of it.
pub const ROWS: u64 = 1000;

/// A table of one value a second, which is also its time.
pub fn slow() -> Schema {
    let doc = "once a second";
    let slow = Schema::sample("slow", "a test", doc).gauge("time", ColumnType::U64, unit::NS, doc);
    Schema { interval_ns: SECOND_NS, ..slow }
}

/// A ring with 4 MiB each for fine rows, for the others, and for a tier of one second.
pub fn options() -> WriterOptions {
    WriterOptions {
        fine_size_bytes: LEAST_RING_BYTES,
        ..WriterOptions::with_tiers(
            3 * LEAST_RING_BYTES,
            vec![TierOptions { step_ns: SECOND_NS, size_bytes: LEAST_RING_BYTES }],
        )
    }
}

/// A writer, and what it records: noise each millisecond, and one value a second.
pub struct World {
    pub writer: RecordingWriter,
    pub tables: [u32; 2],
    pub record: RecordBuilder,
}

impl World {
    pub fn open(dir: &Path, options: WriterOptions) -> World {
        let mut writer = RecordingWriter::open(dir, options).unwrap();
        let tables = [noise(), slow()].map(|schema| writer.add_table(schema));
        World { writer, tables, record: RecordBuilder::new(&noise()) }
    }

    pub fn push_fine(&mut self, second: u64) {
        let rows = second * ROWS..(second + 1) * ROWS;
        push_noise(&mut self.writer, &mut self.record, self.tables[0], rows);
    }

    pub fn push_slow(&mut self, second: u64) {
        let mut record = RecordBuilder::new(&slow());
        record.begin_sample((second + 1) * SECOND_NS);
        record.u64((second + 1) * SECOND_NS);
        record.end_sample();
        push(&mut self.writer, &mut record, self.tables[1]);
    }

    pub fn second(&mut self, second: u64) {
        self.push_fine(second);
        self.push_slow(second);
        self.writer.commit().unwrap();
    }
}

pub fn fine_dir(dir: &Path) -> std::path::PathBuf {
    dir.join("subsecond")
}

/// The seconds of which there is noise; every row of it must be there and right.
pub fn seconds_of_noise(rows: &[Row]) -> std::ops::Range<u64> {
    let first = rows[0].0 / 1_000_000 - 1;
    let count = rows.len() as u64;
    assert!(first.is_multiple_of(ROWS) && count.is_multiple_of(LANES * ROWS), "half a second");
    for (number, (time_ns, _, values)) in rows.iter().enumerate() {
        let (row, lane) = (first + number as u64 / LANES, number as u64 % LANES);
        assert_eq!(*time_ns, 1_000_000 + row * 1_000_000, "a row is missing");
        assert_eq!(values[0], nodemon_formats::Value::U64(word(row, lane)));
    }
    first / ROWS..first / ROWS + rows.len() as u64 / LANES / ROWS
}
