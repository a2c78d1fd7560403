//! One of the two segments that a segment is split into.

use super::error::SplitError;
use crate::clock::ClockOffset;
use crate::ring::{BoundedFile, Ring};
use crate::schema::Schema;
use crate::segment::{Batch, IndexEntry, SegmentDescription, SegmentWriter};
use crate::writer::active_segment::Segment;
use std::path::{Path, PathBuf};

/// What is gathered for one commit, bytes.
const BATCH_BYTES: usize = 1 << 20;

/// A segment that is made from blocks of another one.
pub struct Part {
    pub segment: Segment,
    pub batch: Batch,
    path: PathBuf,
}

impl Part {
    /// Begins a segment beside its future place `path`, within the bound of `ring`.
    pub fn create(
        path: &Path,
        description: &SegmentDescription,
        clocks: &[ClockOffset],
        ring: &Ring,
    ) -> Result<Part, SplitError> {
        let path = path.with_extension("redb.part");
        let backend = |file| BoundedFile::new(file, ring.clone());
        let writer = SegmentWriter::create_at(&path, description, ring.cache_bytes(), backend);
        let writer = writer.inspect_err(|_| remove(&path))?;
        let mut part = Part {
            segment: Segment::new(writer, description.created),
            batch: Batch::default(),
            path,
        };
        clocks.iter().for_each(|clock| part.segment.note_clock(*clock, &mut part.batch));
        Ok(part)
    }

    /// Makes a table known.
    pub fn put_schema(&mut self, table: u32, schema: &Schema) -> Result<(), SplitError> {
        self.batch.put_schema(table, schema).map_err(|_| SplitError::OutOfMemory)
    }

    /// Adds a block; makes what there is durable where it is enough for a commit.
    pub fn put_block(&mut self, entry: IndexEntry, block: &[u8]) -> Result<(), SplitError> {
        self.segment.put_entry(entry, block, &mut self.batch);
        if self.batch.size_bytes() >= BATCH_BYTES { self.commit() } else { Ok(()) }
    }

    /// Makes what there is durable.
    pub fn commit(&mut self) -> Result<(), SplitError> {
        let copies = self.segment.put_copies(&mut self.batch);
        copies.map_err(|_| SplitError::OutOfMemory)?;
        if !self.batch.is_empty() {
            self.segment.writer.commit(&self.batch)?;
            self.batch.clear();
        }
        Ok(())
    }

    /// Closes it and moves it to where it belongs.
    pub fn put_in_place(self, path: &Path) -> Result<(), SplitError> {
        let moved = self.segment.writer.put_in_place(path);
        moved.inspect_err(|_| remove(&self.path))?;
        Ok(())
    }

    /// Deletes it.
    pub fn abandon(self) {
        remove(&self.path);
    }
}

fn remove(path: &Path) {
    // What stays is deleted at the next start.
    let _ = std::fs::remove_file(path);
}
