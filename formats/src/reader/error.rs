//! Why something could not be read.

use super::Part;
use crate::block::BlockError;
use crate::record::RecordError;
use crate::segment::SegmentError;
use std::path::{Path, PathBuf};

/// Why something could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// There is no such directory.
    #[error("there is no recording at {}", dir.display())]
    NoRecording {
        /// The directory.
        dir: PathBuf,
    },
    /// The directory holds no segment.
    #[error("{} holds no segment of a recording", dir.display())]
    Empty {
        /// The directory.
        dir: PathBuf,
    },
    /// The file system says no.
    #[error("cannot read {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the kernel answered.
        source: std::io::Error,
    },
    /// Written by a newer nodemon.
    #[error("{} has format version {version}, this build reads up to {}", path.display(), crate::segment::FORMAT_VERSION)]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        version: u32,
    },
    /// Some bytes are not what was written.
    #[error("{} is damaged: {what}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Which part of it.
        part: Part,
        /// That part and what is wrong with it, in words.
        what: String,
    },
    /// No segment has a table of this name.
    #[error("the recording has no table {0}")]
    UnknownTable(String),
}

impl ReadError {
    /// The error of a segment, with its file.
    pub(super) fn from_segment(path: &Path, error: SegmentError) -> ReadError {
        let path = path.to_owned();
        match error {
            SegmentError::Io(source) => ReadError::Io { path, source },
            SegmentError::Newer(version)
            | SegmentError::Block { why: BlockError::Newer(version), .. } => {
                ReadError::Newer { path, version }
            }
            SegmentError::Record(RecordError::Version { found }) => {
                ReadError::Newer { path, version: found }
            }
            error => {
                ReadError::Damaged { path, part: Part::from_error(&error), what: error.to_string() }
            }
        }
    }
}
