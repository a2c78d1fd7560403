//! Blocks: some seconds of one table, in columns, compressed.
//!
//! A block is made from [`Rows`], which is what records add up to, and opened as a [`Block`], which
//! decodes the columns that are asked for. `docs/format.md` has its layout byte by byte.
//!
//! Why it looks as it does: metric-major columns lie beside their likes, so groups of 32 compress
//! together and a reader of one metric decodes little else; deltas of counters are small, so their
//! bytes are split into planes, and planes of like significance are entropy-coded together; most
//! columns of a quiet node do not change for seconds, and cost a constant.

mod coder;
mod decode;
mod directory;
mod encode;
mod frame;
mod header;
mod packed;
mod planes;
mod predecessors;
mod presence;
mod rows;
mod stacks;
mod times;
mod transpose;
mod unshuffle;
mod window;
mod wire;

pub use decode::Block;
pub use encode::Encoder;
pub(crate) use frame::Unpacker;
pub use frame::{Compressor, Decompressor};
pub use header::{BLOCK_VERSION, BlockHeader};
pub use rows::Rows;
pub use window::{Piece, Window};

/// Why the bytes of a block cannot be decoded.
#[derive(Debug, thiserror::Error)]
pub enum BlockError {
    /// A newer nodemon wrote it.
    #[error("block version {0} is newer than this build")]
    Newer(u32),
    /// The header or a directory does not hold together.
    #[error("the {0} does not hold together")]
    Layout(&'static str),
    /// zstd refuses a frame, or its checksum does not match.
    #[error("the frame of {what} is damaged: {why}")]
    Frame {
        /// Which frame.
        what: &'static str,
        /// What zstd said.
        why: &'static str,
    },
    /// Cells of a column are no histograms. All else can be read.
    #[error("malformed histograms in the column {column}: {cells}")]
    Histograms {
        /// The column.
        column: String,
        /// How many cells.
        cells: usize,
    },
}

/// Columns (that change at all) in one compressed group.
pub const GROUP_COLUMNS: usize = 32;
