//! What making a commit takes, in memory that is kept. All rings of a recording use the same, one
//! after the other: contexts of zstd and the columns of the largest block are a few MiB.

use crate::block::{Encoder, Window};
use crate::segment::Batch;

/// What making a commit takes.
#[derive(Default)]
pub struct Tools {
    /// Makes blocks, and frames of everything else.
    pub encoder: Encoder,
    /// What the commit brings.
    pub batch: Batch,
    /// Pieces of packed rows.
    pub window: Window,
    /// A block, or a frame of the journal.
    pub block: Vec<u8>,
}
