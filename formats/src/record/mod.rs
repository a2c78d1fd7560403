//! What a source sends: one or more samples, or events, of one table, as an rkyv archive.
//!
//! A record stands alone: it carries the keys of its instances and its strings, so that a record
//! that was dropped takes nothing with it that a later one needs. A source that samples every
//! millisecond puts hundreds of samples into a record, so the keys cost it nothing; a source that
//! samples every second has few keys.
//!
//! ```text
//! 0   magic "NREC"      u32
//! 4   version           u32, this is 1
//! 8   schema            u32, the number under which the writer knows the table
//! 12  reserved          u32, 0
//! 16  rkyv archive of RecordV1
//! ```
//! The version stands outside the archive because bytes of one version can pass the validation of
//! another with wrong values.

mod builder;
mod held;
mod pool;
mod view;

pub use builder::RecordBuilder;
pub use held::Held;
pub use pool::{BufferPool, PooledBuffer};
pub use view::{RecordError, RecordView};

use rkyv::{Archive, Serialize};

/// `NREC`, little endian.
pub const RECORD_MAGIC: u32 = u32::from_le_bytes(*b"NREC");
/// The version that this build writes.
pub const RECORD_VERSION: u32 = 1;

/// Where the fields in front of the archive are, and the archive: a multiple of 16 bytes.
mod offset {
    /// u32
    pub const MAGIC: usize = 0;
    /// u32
    pub const VERSION: usize = 4;
    /// u32
    pub const SCHEMA: usize = 8;
    pub const ARCHIVE: usize = 16;
}

/// The body of a record, version 1. Flat vectors, so that archiving is a few copies.
#[derive(Archive, Serialize, Default)]
#[rkyv(attr(doc = "The archived form of [`RecordV1`]."))]
pub struct RecordV1 {
    /// `CLOCK_BOOTTIME` ns: one a sample; of an event table, one an event.
    pub times: Vec<u64>,
    /// Key words of the instances, instance by instance. Of string keys the index into the strings.
    pub keys: Vec<u64>,
    /// Number of instances; 1 for event tables and for tables without keys.
    pub instances: u32,
    /// The instance of each row, sample by sample. Empty when every sample has every instance, in
    /// order.
    pub rows: Vec<u32>,
    /// The end of each sample within `rows`. Empty when `rows` is.
    pub row_ends: Vec<u32>,
    /// Cells, row by row, in the order of [`crate::Schema::row_columns`].
    pub cells: Vec<u64>,
    /// One bit a cell, 1 where the value is absent. Empty when nothing is.
    pub absent: Vec<u64>,
    /// The end of each string within `string_bytes`.
    pub string_ends: Vec<u32>,
    /// All strings, one after the other.
    pub string_bytes: Vec<u8>,
}
