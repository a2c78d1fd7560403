//! One table of a recording.

use nodemon_formats::record::RecordBuilder;
use nodemon_formats::writer::RecordingWriter;
use nodemon_formats::{ColumnType, Schema};

/// A millisecond, ns.
pub const MS: u64 = 1_000_000;

/// One table that is being written.
pub struct Table {
    number: u32,
    pub record: RecordBuilder,
}

impl Table {
    pub fn new(writer: &mut RecordingWriter, schema: Schema) -> Table {
        let record = RecordBuilder::new(&schema);
        Table { number: writer.add_table(schema), record }
    }

    pub fn push(&mut self, writer: &mut RecordingWriter) {
        if self.record.samples() > 0 {
            let mut archive = rkyv::util::AlignedVec::new();
            self.record.finish(self.number, &mut archive).unwrap();
            writer.push(&archive).unwrap();
        }
    }
}

pub fn of_task(name: &str) -> Schema {
    Schema::event(name, "a test", "")
        .state("cgroup_id", ColumnType::U64, "")
        .state("pid", ColumnType::U64, "")
        .state("tid", ColumnType::U64, "")
        .state("command", ColumnType::String, "")
}

pub fn begin(record: &mut RecordBuilder, time: u64, pid: u64, command: &str) {
    record.begin_event(time);
    record.u64(7);
    record.u64(pid);
    record.u64(pid);
    record.str(command);
}
