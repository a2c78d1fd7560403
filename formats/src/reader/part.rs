//! Which part of a segment is damaged.

use crate::segment::{ChunkKind, SegmentError};

/// A part of a segment that is damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    /// The segment as a whole: its header, its trees.
    Whole,
    /// A chunk, by its kind and number.
    Chunk(ChunkKind, u64),
    /// Rows that are in the journal only.
    Tail,
}

impl Part {
    /// The part that an error is of.
    pub(super) fn from_error(error: &SegmentError) -> Part {
        match error {
            SegmentError::Chunk { kind, id, .. }
            | SegmentError::Missing { kind, id }
            | SegmentError::Inside { kind, id, .. } => Part::Chunk(*kind, *id),
            SegmentError::Block { id, .. } | SegmentError::Unindexed(id) => {
                Part::Chunk(ChunkKind::Block, *id)
            }
            SegmentError::Tail(_)
            | SegmentError::Record(_)
            | SegmentError::MissingRecords { .. } => Part::Tail,
            SegmentError::Io(_) | SegmentError::Database(_) | SegmentError::Newer(_) => Part::Whole,
        }
    }

    /// What is told together.
    pub(super) fn kind(self) -> Option<ChunkKind> {
        match self {
            Part::Whole => None,
            Part::Chunk(kind, _) => Some(kind),
            Part::Tail => Some(ChunkKind::Journal),
        }
    }
}
