//! The directory of segments, opened for reading.

use super::{Scan, ScanRequest};
use crate::gap::Gap;
use crate::schema::Schema;
use std::path::{Path, PathBuf};
use std::sync::Arc;

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
        what: String,
    },
    /// No segment has a table of this name.
    #[error("the recording has no table {0}")]
    UnknownTable(String),
}

/// How a segment was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SegmentState {
    /// A recorder writes it now.
    Active,
    /// Closed in good order.
    Sealed,
    /// Its recorder died; read through an overlay.
    Crashed,
}

/// One segment.
#[derive(Clone, Debug)]
pub struct SegmentSummary {
    /// Its number; a later one has a larger number.
    pub number: u64,
    /// The file.
    pub path: PathBuf,
    /// Step of the tier, ns; 0 where rows are as the sources sent them.
    pub tier_ns: u64,
    /// Bytes it takes on disk.
    pub size_bytes: u64,
    /// How it was found.
    pub state: SegmentState,
    /// Name of the host.
    pub host: String,
    /// The kernel's boot id.
    pub boot_id: String,
    /// Version of the recorder that wrote it.
    pub recorder_version: String,
    /// Wall time of the first and the last row, ns since the epoch, where it has rows.
    pub span: Option<(i64, i64)>,
    /// Number of blocks.
    pub blocks: u64,
}

/// One table over all segments.
#[derive(Clone, Debug)]
pub struct TableSummary {
    /// The newest schema.
    pub schema: Arc<Schema>,
    /// Wall time of the first and the last row, ns since the epoch.
    pub span: (i64, i64),
    /// Samples, or events.
    pub rows: u64,
    /// Number of blocks.
    pub blocks: u64,
    /// Bytes of its blocks.
    pub size_bytes: u64,
}

/// A gap, with wall times.
#[derive(Clone, Debug)]
pub struct WallGap {
    /// The gap as it was recorded.
    pub gap: Gap,
    /// Wall time of its start, ns since the epoch.
    pub from: i64,
    /// Wall time of its end.
    pub to: i64,
}

/// An opened recording.
pub struct Recording {}

impl Recording {
    /// Opens the recording in `dir`.
    ///
    /// # Errors
    /// When there is no recording, it is empty, or the directory cannot be listed. A single
    /// segment that cannot be read is no error; see [`Recording::problems`].
    pub fn open(dir: &Path) -> Result<Recording, ReadError> {
        unimplemented!("{dir:?}")
    }

    /// Segments that could not be read, and why.
    pub fn problems(&self) -> &[ReadError] {
        unimplemented!()
    }

    /// Its segments, oldest first; raw ones and tiers.
    pub fn segments(&self) -> &[SegmentSummary] {
        unimplemented!()
    }

    /// Its tables, by name. Tables of tiers are not listed; scans use them by themselves.
    pub fn tables(&self) -> Vec<TableSummary> {
        unimplemented!()
    }

    /// The table of that name.
    pub fn table(&self, name: &str) -> Option<TableSummary> {
        unimplemented!("{name}")
    }

    /// Wall time of the first and the last row of any table, ns since the epoch.
    pub fn span(&self) -> Option<(i64, i64)> {
        unimplemented!()
    }

    /// Gaps that touch the span, of one table or of all, by time.
    pub fn gaps(&self, table: Option<&str>, from: i64, to: i64) -> Vec<WallGap> {
        unimplemented!("{table:?} {from} {to}")
    }

    /// Starts a scan. Items come in order of time.
    ///
    /// # Errors
    /// [`ReadError::UnknownTable`].
    pub fn scan(&self, request: ScanRequest) -> Result<Scan, ReadError> {
        unimplemented!("{request:?}")
    }
}
