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

/// Bytes of an entry.
pub const ENTRY_BYTES: usize = 32;

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
        value[0..8].copy_from_slice(&self.last_ns.to_le_bytes());
        value[8..16].copy_from_slice(&self.records.to_le_bytes());
        value[16..20].copy_from_slice(&self.rows.to_le_bytes());
        value[20..24].copy_from_slice(&self.size_bytes.to_le_bytes());
        value[24] = self.pieces;
        let checksum = checksum(self.key(), &value[..28]);
        value[28..].copy_from_slice(&checksum.to_le_bytes());
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
    pub fn of(key: (u32, u64, u64), value: &[u8]) -> Result<IndexEntry, EnvelopeError> {
        let value: &[u8; ENTRY_BYTES] = value.try_into().map_err(|_| EnvelopeError::NotAChunk)?;
        let word = |at: usize| {
            u32::from_le_bytes([value[at], value[at + 1], value[at + 2], value[at + 3]])
        };
        let long = |at: usize| u64::from(word(at)) | u64::from(word(at + 4)) << 32;
        if word(28) != checksum(key, &value[..28]) {
            return Err(EnvelopeError::Checksum);
        }
        // No time goes back, and none is later than a clock of 63 bits counts.
        if long(0) < key.1 || long(0) > i64::MAX as u64 || word(16) == 0 {
            return Err(EnvelopeError::NotAChunk);
        }
        Ok(IndexEntry {
            table: key.0,
            first_ns: key.1,
            id: key.2,
            last_ns: long(0),
            records: long(8),
            rows: word(16),
            size_bytes: word(20),
            pieces: value[24],
        })
    }
}

fn checksum(key: (u32, u64, u64), value: &[u8]) -> u32 {
    let mut bytes = [0; 20 + 28];
    bytes[0..4].copy_from_slice(&key.0.to_le_bytes());
    bytes[4..12].copy_from_slice(&key.1.to_le_bytes());
    bytes[12..20].copy_from_slice(&key.2.to_le_bytes());
    bytes[20..].copy_from_slice(value);
    low_half(xxh3_64(&bytes))
}
