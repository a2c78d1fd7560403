//! Answers questions about a recording: while it is written, after a crash, from a copy, from a
//! read-only file system. Nothing here ever writes to the medium.

mod chunk;
mod decode;
mod plan;
mod recording;
mod scan;
mod tail;
mod timeline;
mod verify;

pub use chunk::{Cells, Chunk, Presence, Strings, Words};
pub use recording::{ReadError, Recording, SegmentState, SegmentSummary, TableSummary, WallGap};
pub use scan::{ColumnRollup, Rollup, Scan, ScanItem, ScanRequest, Summary};
pub use verify::{Verdict, Verified};
