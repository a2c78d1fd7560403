//! Why a segment could not be split.

use crate::segment::SegmentError;
use std::io;

/// Why a segment could not be split; it stays as it is.
#[derive(Debug, thiserror::Error)]
pub enum SplitError {
    /// It cannot be read.
    #[error("{0}")]
    Read(#[from] SegmentError),
    /// What is made of it cannot be written.
    #[error("{0}")]
    Write(#[from] redb::Error),
    /// A directory or a file cannot be made or moved.
    #[error("{0}")]
    File(#[from] io::Error),
    /// Something cannot be archived or compressed.
    #[error("memory cannot be had")]
    OutOfMemory,
    /// It was deleted or replaced meanwhile, or there is no place for its fine rows.
    #[error("it is there no more")]
    Gone,
}
