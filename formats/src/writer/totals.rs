//! What commits did, one by one and since the start.

use std::ops::AddAssign;

/// What a commit did.
#[derive(Clone, Copy, Debug, Default)]
pub struct Commit {
    /// Blocks sealed.
    pub blocks: u32,
    /// Bytes written for them and for the journal.
    pub bytes: u64,
    /// Rows made durable by it.
    pub rows: u64,
    /// Segments deleted to make room.
    pub evicted: u32,
}

/// Totals since the start.
#[derive(Clone, Copy, Debug, Default)]
pub struct WriterStats {
    /// Samples (or events) that were pushed.
    pub samples_in: u64,
    /// Samples that are durable.
    pub samples_stored: u64,
    /// Samples counted in gaps by the writer.
    pub samples_lost: u64,
    /// Blocks sealed.
    pub blocks: u64,
    /// Bytes of blocks and journal.
    pub bytes: u64,
    /// Segments deleted to make room.
    pub evicted: u64,
}

impl AddAssign for WriterStats {
    fn add_assign(&mut self, other: WriterStats) {
        self.samples_in += other.samples_in;
        self.samples_stored += other.samples_stored;
        self.samples_lost += other.samples_lost;
        self.blocks += other.blocks;
        self.bytes += other.bytes;
        self.evicted += other.evicted;
    }
}

impl Commit {
    /// Takes the blocks, bytes and segments of another ring's in; rows are those of one.
    pub(super) fn add(&mut self, other: Commit) {
        self.blocks += other.blocks;
        self.bytes += other.bytes;
        self.evicted += other.evicted;
    }
}
