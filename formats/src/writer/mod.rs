//! Turns records into blocks, blocks into segments, segments into a ring.

use crate::gap::Gap;
use crate::schema::Schema;
use std::path::{Path, PathBuf};

/// How to write a recording.
#[derive(Clone, Debug)]
pub struct WriterOptions {
    /// The most that `du` of the directory may ever say, tiers included.
    pub ring_size_bytes: u64,
    /// Rollup tiers, finest first.
    pub tiers: Vec<TierOptions>,
    /// Name of the host.
    pub host: String,
    /// The kernel's boot id.
    pub boot_id: String,
    /// Version of the recorder.
    pub recorder_version: String,
}

/// A rollup tier.
#[derive(Clone, Copy, Debug)]
pub struct TierOptions {
    /// What each row covers, ns.
    pub step_ns: u64,
    /// Its share of the ring, bytes.
    pub size_bytes: u64,
}

/// Why writing failed.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// Another recorder writes here.
    #[error("{} is being written by the recorder with pid {pid}", dir.display())]
    Locked {
        /// The directory.
        dir: PathBuf,
        /// The other recorder.
        pid: u32,
    },
    /// The disk or the file system refused.
    #[error("cannot {doing} {}: {why}", path.display())]
    Disk {
        /// What was being done: `write`, `create`.
        doing: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// What the disk said.
        why: String,
    },
    /// The ring is smaller than what a recording needs.
    #[error("a ring of {size_bytes} bytes is too small: it takes at least {least_bytes}")]
    TooSmall {
        /// What was asked for.
        size_bytes: u64,
        /// What is needed.
        least_bytes: u64,
    },
    /// A record does not fit its table.
    #[error("record refused: {0}")]
    Record(#[from] crate::record::RecordError),
    /// A record names a table that was never added.
    #[error("a record names table number {0}, which was never added")]
    UnknownTable(u32),
}

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

/// Writes a recording.
pub struct RecordingWriter {}

impl RecordingWriter {
    /// Opens `dir` for writing, creating it where it is missing, takes its lock, and records the
    /// gap since the last run.
    ///
    /// # Errors
    /// [`WriteError::Locked`], [`WriteError::Disk`], [`WriteError::TooSmall`].
    pub fn open(dir: &Path, options: WriterOptions) -> Result<RecordingWriter, WriteError> {
        unimplemented!("{dir:?} {options:?}")
    }

    /// Makes a table known. Returns its number, which every record of it carries.
    pub fn add_table(&mut self, schema: Schema) -> u32 {
        unimplemented!("{schema:?}")
    }

    /// Takes a record in. Touches memory only.
    ///
    /// # Errors
    /// When the record is malformed: then nothing of it was taken.
    pub fn push(&mut self, record: &[u8]) -> Result<(), WriteError> {
        unimplemented!("{record:?}")
    }

    /// Records a gap.
    pub fn gap(&mut self, gap: Gap) {
        unimplemented!("{gap:?}")
    }

    /// Seals the blocks that are due and makes everything durable. To be called once a second.
    ///
    /// # Errors
    /// [`WriteError::Disk`]: what was pending is dropped and counted as a gap. The writer stays
    /// usable; the next call tries anew.
    pub fn commit(&mut self) -> Result<Commit, WriteError> {
        unimplemented!()
    }

    /// Seals everything and closes the recording.
    ///
    /// # Errors
    /// As [`RecordingWriter::commit`].
    pub fn close(self) -> Result<Commit, WriteError> {
        unimplemented!()
    }

    /// Totals since the start.
    pub fn stats(&self) -> WriterStats {
        unimplemented!()
    }

    /// Changes the size of the ring. Takes effect with the next commit.
    pub fn set_ring_size(&mut self, size_bytes: u64) {
        unimplemented!("{size_bytes}")
    }
}
