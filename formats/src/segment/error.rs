//! Why a segment, or a part of it, cannot be read.

use super::envelope::{ChunkKind, EnvelopeError};
use crate::block::BlockError;
use crate::record::RecordError;
use std::io;

/// Why a segment, or a part of it, cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum SegmentError {
    /// The file cannot be opened or read.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// redb cannot make sense of the file, and no chunk could be found in it either.
    #[error("{0}")]
    Database(String),
    /// A chunk is damaged.
    #[error("{kind} {id}: {why}")]
    Chunk {
        /// What it held.
        kind: ChunkKind,
        /// Its number.
        id: u64,
        /// What is wrong.
        why: EnvelopeError,
    },
    /// A chunk is not there.
    #[error("{kind} {id} is missing")]
    Missing {
        /// What it held.
        kind: ChunkKind,
        /// Its number.
        id: u64,
    },
    /// A block is damaged inside.
    #[error("block {id}: {why}")]
    Block {
        /// Its number.
        id: u64,
        /// What is wrong.
        why: BlockError,
    },
    /// What a chunk holds is damaged inside, though its checksum is right.
    #[error("{kind} {id}: {why}")]
    Inside {
        /// What it held.
        kind: ChunkKind,
        /// Its number.
        id: u64,
        /// What is wrong.
        why: BlockError,
    },
    /// The rows that are in the journal only make no block.
    #[error("the rows of the journal: {0}")]
    Tail(BlockError),
    /// A block is there, and the index does not know it.
    #[error("block {0} is in no index")]
    Unindexed(u64),
    /// A record of the journal is not one.
    #[error("a record of the journal: {0}")]
    Record(#[from] RecordError),
    /// The records of a table are numbered, and some numbers are not there.
    #[error("{missing} records of table {table} are missing from the journal")]
    MissingRecords {
        /// The table's number.
        table: u32,
        /// How many.
        missing: u64,
    },
    /// A newer nodemon wrote it.
    #[error("it has format version {0}")]
    Newer(u32),
}

/// An error of redb's as one of a segment.
pub fn redb_error(error: impl Into<redb::Error>) -> SegmentError {
    match error.into() {
        // The disk did not fail: what the trees say is there lies behind the end of the file.
        redb::Error::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            SegmentError::Database("the file is cut short".into())
        }
        redb::Error::Io(error) => SegmentError::Io(error),
        error => SegmentError::Database(error.to_string()),
    }
}
