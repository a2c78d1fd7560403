//! Segments that somebody crafted, under checksums that are right: they take no more memory and
//! time than what they hold, and what is true of them is read.

mod blocks;
mod trees;

use crate::child;
use nodemon_formats::clock::ClockOffset;
use nodemon_formats::segment::{Batch, ChunkKind, IndexEntry, SegmentDescription, SegmentWriter};
use std::fs;
use std::path::Path;

pub const MIB: u64 = 1 << 20;

/// A line of this process's status, bytes.
pub fn status_bytes(name: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(name)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() << 10
}

/// A segment that is made by hand.
pub struct Crafted {
    pub writer: SegmentWriter,
    pub batch: Batch,
}

impl Crafted {
    /// Adds a block of table 0 that has ten rows from the second second on.
    pub fn put_ten_rows(&mut self, block: &[u8]) {
        let pieces = self.batch.put(ChunkKind::Block, 0, block);
        self.batch.index(IndexEntry {
            table: 0,
            id: 0,
            first_ns: 2_000_000_000,
            last_ns: 2_000_009_000,
            records: 1,
            rows: 10,
            size_bytes: block.len() as u32,
            pieces,
        });
    }

    pub fn new(dir: &Path) -> Crafted {
        fs::create_dir_all(dir).unwrap();
        let description = SegmentDescription {
            number: 1,
            host: "h".into(),
            boot_id: "b".into(),
            recorder_version: "1".into(),
            tier_ns: 0,
            created: ClockOffset { from_ns: 1, offset_ns: 1_700_000_000_000_000_000 },
        };
        let writer = SegmentWriter::create(dir, &description).unwrap();
        Crafted { writer, batch: Batch::default() }
    }

    pub fn end(mut self) {
        self.writer.commit(&self.batch).unwrap();
    }
}

/// In a process of its own, whose memory nobody else uses.
pub fn in_a_child(module: &str, name: &str) {
    let dir = tempfile::tempdir().unwrap();
    let limit = "ulimit -c 0; ulimit -v 2097152;";
    let module = module.split_once("::").expect("a module of this binary").1;
    let output = child::command(&format!("{module}::{name}"), dir.path(), limit, "").output();
    child::assert_success(&output.unwrap());
}
