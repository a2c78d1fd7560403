//! What a burst of events takes on its way is given back once it is over.

#![allow(clippy::unwrap_used)]

use crate::allocations::held_bytes;
use nodemon_formats::clock::boottime_ns;
use nodemon_formats::record::{BufferPool, RecordBuilder};
use nodemon_formats::schema::{ColumnType, Schema, unit};
use nodemon_formats::writer::{RecordingWriter, WriterOptions};

/// Events of a usual second.
const FEW: u64 = 20;
/// Of the burst, a record.
const MANY: u64 = 10_000;

/// As a source, its queue and the writer do it: `records` are under way at once.
struct Way {
    builder: RecordBuilder,
    pool: BufferPool,
    writer: RecordingWriter,
    number: u32,
}

impl Way {
    fn send(&mut self, records: usize, events: u64) {
        let mut under_way = Vec::new();
        for _ in 0..records {
            for event in 0..events {
                self.builder.begin_event(boottime_ns());
                self.builder.u64(event);
                self.builder.str(&format!("/usr/lib/a command of its own, {event}"));
                self.builder.absent();
                self.builder.end_event();
            }
            let mut buffer = self.pool.take().unwrap();
            self.builder.finish(self.number, &mut buffer).unwrap();
            under_way.push(buffer);
        }
        under_way.iter().for_each(|record| self.writer.push(record).unwrap());
        drop(under_way);
        self.writer.commit().unwrap();
    }

    /// What is held after some usual seconds, bytes.
    fn held_bytes(&mut self) -> i64 {
        // Memory that was used some twenty times ago is kept; a block has 60 rows.
        (0..100).for_each(|_| self.send(1, FEW));
        held_bytes()
    }
}

#[test]
fn what_a_burst_of_events_took_is_given_back() {
    let dir = tempfile::tempdir().unwrap();
    let schema = Schema::event("exec", "a test", "Programs that were started")
        .key("pid", ColumnType::U64, "which")
        .state("arguments", ColumnType::String, "its arguments")
        .gauge("took_ns", ColumnType::U64, unit::NS, "how long");
    let mut writer = RecordingWriter::open(dir.path(), WriterOptions::new(64 << 20)).unwrap();
    let number = writer.add_table(schema.clone());
    let (builder, pool) = (RecordBuilder::new(&schema), BufferPool::new(64));
    let mut way = Way { builder, pool, writer, number };
    let before_bytes = way.held_bytes();
    way.send(3, MANY);
    let burst_bytes = held_bytes() - before_bytes;
    assert!(burst_bytes > 1 << 20, "the burst took no more than {burst_bytes} bytes");
    let left_bytes = way.held_bytes() - before_bytes;
    assert!(left_bytes < 512 << 10, "{left_bytes} of {burst_bytes} bytes are still held");
}
