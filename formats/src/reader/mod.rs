//! Answers questions about a recording: while it is written, after a crash, from a copy, from a
//! read-only file system. Nothing here ever writes to the medium.

mod ahead;
mod chunk;
mod cover;
mod damage;
mod decode;
mod error;
mod gaps;
mod histograms;
mod lasting;
mod next;
mod open;
mod plan;
mod recording;
mod retention;
mod scan;
mod steps;
mod summary;
mod tail;
mod timeline;
mod verify;
mod words;

pub use chunk::{Cells, Chunk, Presence, Strings, Words};
pub use damage::{Damages, Part};
pub use error::ReadError;
pub use lasting::{Lasting, lasting_phrase};
pub use recording::Recording;
pub use retention::{RingKind, RingSummary};
pub use scan::{
    ColumnRollup, InstanceStep, Rollup, Scan, ScanItem, ScanRequest, Summary, TierStep,
};
pub use summary::{SegmentState, SegmentSummary, TableSummary, WallGap};
pub use verify::{Verdict, Verified};
pub use words::RowWords;
pub(crate) use words::{Shelf, Slab};
