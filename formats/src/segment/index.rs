//! What the index says of a block, without the block being read.
//!
//! ```text
//! 0   last row          u64   CLOCK_BOOTTIME ns
//! 8   records           u64   records of the table that are in this block and those before it
//! 16  rows              u32
//! 20  block length      u32   bytes, without envelopes
//! 24  pieces            u8, then 3 bytes of zero
//! 28  checksum          u32   low half of XXH3-64 over the key and bytes 0..28
//! ```

use super::EnvelopeError;
use crate::block::BlockHeader;
use crate::narrow::low_half;
use xxhash_rust::xxh3::xxh3_64;

/// Where the fields of an entry are.
mod offset {
    pub const LAST_NS: usize = 0;
    pub const RECORDS: usize = 8;
    pub const ROWS: usize = 16;
    pub const SIZE_BYTES: usize = 20;
    pub const PIECES: usize = 24;
    pub const CHECKSUM: usize = 28;
}

/// Bytes of an entry.
pub const ENTRY_BYTES: usize = offset::CHECKSUM + 4;
/// Bytes of its key, as the checksum has it: table, first row, block.
const KEY_BYTES: usize = 4 + 8 + 8;

/// The index entry of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IndexEntry {
    /// The table's number.
    pub table: u32,
    /// The block's number.
    pub id: u64,
    /// `CLOCK_BOOTTIME` ns of the first row.
    pub first_ns: u64,
    /// `CLOCK_BOOTTIME` ns of the last row.
    pub last_ns: u64,
    /// Records of the table in this segment up to the end of this block.
    pub records: u64,
    /// Samples or events.
    pub rows: u32,
    /// Length of the block.
    pub size_bytes: u32,
    /// Pieces that it is kept in.
    pub pieces: u8,
}

impl IndexEntry {
    /// The key under which it is kept.
    pub fn key(&self) -> (u32, u64, u64) {
        (self.table, self.first_ns, self.id)
    }

    /// The value that is kept.
    pub fn value(&self) -> [u8; ENTRY_BYTES] {
        let mut value = [0; ENTRY_BYTES];
        let mut put = |at: usize, bytes: &[u8]| value[at..at + bytes.len()].copy_from_slice(bytes);
        put(offset::LAST_NS, &self.last_ns.to_le_bytes());
        put(offset::RECORDS, &self.records.to_le_bytes());
        put(offset::ROWS, &self.rows.to_le_bytes());
        put(offset::SIZE_BYTES, &self.size_bytes.to_le_bytes());
        put(offset::PIECES, &[self.pieces]);
        let checksum = checksum(self.key(), &value[..offset::CHECKSUM]);
        value[offset::CHECKSUM..].copy_from_slice(&checksum.to_le_bytes());
        value
    }

    /// Whether it speaks of the block with this header and these times.
    pub fn is_of(&self, header: &BlockHeader, times: &[u64]) -> bool {
        header.table == self.table
            && header.rows == self.rows
            && times.first() == Some(&self.first_ns)
            && times.last() == Some(&self.last_ns)
    }

    /// Reads an entry.
    ///
    /// # Errors
    /// When it is not what was written.
    pub fn from_pair(key: (u32, u64, u64), value: &[u8]) -> Result<IndexEntry, EnvelopeError> {
        let value: &[u8; ENTRY_BYTES] = value.try_into().map_err(|_| EnvelopeError::NotAChunk)?;
        let word = |at: usize| {
            u32::from_le_bytes([value[at], value[at + 1], value[at + 2], value[at + 3]])
        };
        let long = |at: usize| u64::from(word(at)) | u64::from(word(at + 4)) << 32;
        if word(offset::CHECKSUM) != checksum(key, &value[..offset::CHECKSUM]) {
            return Err(EnvelopeError::Checksum);
        }
        // No time goes back, and none is later than a clock of 63 bits counts.
        let (last_ns, rows) = (long(offset::LAST_NS), word(offset::ROWS));
        if last_ns < key.1 || last_ns > i64::MAX as u64 || rows == 0 {
            return Err(EnvelopeError::NotAChunk);
        }
        Ok(IndexEntry {
            table: key.0,
            first_ns: key.1,
            id: key.2,
            last_ns,
            records: long(offset::RECORDS),
            rows,
            size_bytes: word(offset::SIZE_BYTES),
            pieces: value[offset::PIECES],
        })
    }
}

fn checksum(key: (u32, u64, u64), value: &[u8]) -> u32 {
    let mut bytes = [0; KEY_BYTES + offset::CHECKSUM];
    bytes[0..4].copy_from_slice(&key.0.to_le_bytes());
    bytes[4..12].copy_from_slice(&key.1.to_le_bytes());
    bytes[12..KEY_BYTES].copy_from_slice(&key.2.to_le_bytes());
    bytes[KEY_BYTES..].copy_from_slice(value);
    low_half(xxh3_64(&bytes))
}
