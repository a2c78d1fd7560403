//! Answers questions about a recording: while it is written, after a crash, from a copy, from a
//! read-only file system. Nothing here ever writes to the medium.

mod chunk;
mod recording;
mod scan;

pub use chunk::{Cells, Chunk, Presence, Strings, Words};
pub use recording::{ReadError, Recording, SegmentState, SegmentSummary, TableSummary, WallGap};
pub use scan::{ColumnRollup, Rollup, Scan, ScanItem, ScanRequest, Summary};
