//! What making a commit takes, in memory that is kept. All rings of a recording use the same, one
//! after the other: contexts of zstd and the columns of the largest block are a few MiB.

use crate::block::{Compressor, Encoder};
use crate::segment::Batch;

/// What making a commit takes.
#[derive(Default)]
pub struct Tools {
    /// Makes blocks.
    pub encoder: Encoder,
    /// Makes frames of everything else.
    pub compressor: Compressor,
    /// What the commit brings.
    pub batch: Batch,
    /// A block, or a frame of the journal.
    pub block: Vec<u8>,
}
