//! Segments: one redb file each, append-only, complete in itself.
//!
//! A segment has two redb tables. `chunks` holds everything (the segment's description, schemas,
//! blocks, the journal, gaps, clock offsets), each value in an [`envelope`] with a checksum, because
//! redb verifies nothing on read and because a file whose trees are damaged can then still be
//! searched for what it holds. `index` says which block covers which time of which table.
//!
//! Description and schemas are there twice: as chunks, and in `copies`.
//!
//! The crash contract: the writer commits durably once a second, in one transaction, the blocks
//! sealed since, and in the journal the records that are not in a block yet. A commit is there as a
//! whole or not at all. Nothing in a segment is ever changed but the journal, whose entries go in
//! the transaction that brings the blocks with their rows.

mod bounded;
mod copies;
mod describe;
mod envelope;
mod error;
mod guard;
mod index;
mod journal;
mod read;
mod salvage;
mod schemas;
mod trees;
mod view;
mod write;

pub use describe::{RingLimits, SegmentDescription};
pub(crate) use describe::{put_clock, put_gaps, put_limits};
pub use envelope::{ChunkKind, EnvelopeError};
pub use error::SegmentError;
pub use index::IndexEntry;
pub use journal::JournalReader;
pub(crate) use journal::put_record;
pub use read::{Access, SegmentReader};
pub use salvage::Effort;
pub use view::SegmentView;
pub use write::{Batch, SegmentWriter};

use redb::TableDefinition;
use rustix::fs::OFlags;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Version of everything inside a segment.
pub const FORMAT_VERSION: u32 = 2;

/// Chunks by [`envelope::chunk_key`].
const CHUNKS: TableDefinition<u64, &[u8]> = TableDefinition::new("chunks");

/// Blocks by table, time of the first row, and number.
const INDEX: TableDefinition<(u32, u64, u64), &[u8]> = TableDefinition::new("index");

/// What redb may cache. More is not faster here: the writer appends, the reader reads once.
pub(crate) const CACHE_BYTES: usize = 512 << 10;

/// How segment files are named.
pub fn file_name(number: u64) -> String {
    format!("segment-{number:010}.redb")
}

/// The number of a segment file, if that is one.
pub fn number_of(file_name: &str) -> Option<u64> {
    let digits = file_name.strip_prefix("segment-")?.strip_suffix(".redb")?;
    // At most eighteen digits, so that there is always a next number.
    let is_number = (10..=18).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    if is_number { digits.parse().ok() } else { None }
}

/// Opens a file for reading that is one: opening a pipe would wait for someone to write into it.
///
/// # Errors
/// What the system says, and when it is no regular file.
pub(crate) fn open_regular(path: &Path) -> io::Result<File> {
    let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed();
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    if file.metadata()?.is_file() {
        Ok(file)
    } else {
        Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file"))
    }
}
