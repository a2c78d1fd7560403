//! Answers questions about a recording: while it is written, after a crash, from a copy, from a
//! read-only file system. Nothing here ever writes to the medium.

mod ahead;
mod begin;
mod damage;
mod decode;
mod error;
mod gaps;
mod histograms;
mod item;
mod lasting;
mod next;
mod open;
mod opening;
mod part;
mod pins;
mod plan;
mod recording;
mod retention;
mod ring_choice;
mod scan;
mod steps;
mod summary;
mod tail;
mod timeline;
mod verify;

pub use crate::chunk::{Cells, Chunk, ColumnRollup, Presence, RowWords, Strings, Words};
pub use damage::Damages;
pub use error::ReadError;
pub use item::{InstanceStep, Rollup, ScanItem, ScanRequest, Summary, TierStep};
pub use lasting::{Lasting, lasting_phrase};
pub use part::Part;
pub use recording::Recording;
pub use retention::{RingKind, RingSummary};
pub use scan::Scan;
pub use summary::{PinSummary, SegmentState, SegmentSummary, TableSummary, WallGap};
pub use verify::{Verdict, Verified};
