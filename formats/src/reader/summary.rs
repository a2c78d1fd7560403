//! What there is to tell of segments, tables and gaps without reading rows.

use crate::gap::Gap;
use crate::schema::Schema;
use std::path::PathBuf;
use std::sync::Arc;

/// How a segment was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SegmentState {
    /// A recorder writes it now.
    Active,
    /// Closed in good order.
    Sealed,
    /// Its recorder died; its last commit is read.
    Crashed,
    /// Its trees are damaged; what could be found in the file is read.
    Salvaged,
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
    /// Whether it is of the ring of fine rows, which tables have that are sampled more often than
    /// once a second.
    pub is_fine: bool,
    /// Whether a pin keeps it.
    pub is_pinned: bool,
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

/// A pin, with wall times.
#[derive(Clone, Debug)]
pub struct PinSummary {
    /// Its name.
    pub name: String,
    /// Whatever else was said.
    pub text: String,
    /// Wall time of its start, ns since the epoch.
    pub from: i64,
    /// Wall time of its end.
    pub to: i64,
    /// Segments that it keeps; several pins may keep one.
    pub segments: u64,
    /// What these take on disk, bytes.
    pub size_bytes: u64,
    /// Whether a trigger pinned it, and nobody asked for it.
    pub is_automatic: bool,
    /// Whether it was dropped to make room.
    pub is_dropped: bool,
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
