//! The journal: records that are durable but not in a block yet.
//!
//! An entry is one zstd frame over some records, each behind 16 bytes: its length (u64) and its
//! number within its table (u64), and padded to a multiple of 16, so that records are aligned.

use crate::block::{BlockError, Decompressor};
use crate::record::RecordView;
use rkyv::util::AlignedVec;

const PREFIX_BYTES: usize = 16;

/// Appends a record, the `number`-th of its table, as it stands in the frame.
pub fn put_record(number: u64, record: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&(record.len() as u64).to_le_bytes());
    out.extend_from_slice(&number.to_le_bytes());
    out.extend_from_slice(record);
    out.resize(out.len().next_multiple_of(16), 0);
}

/// An opened entry.
pub struct JournalReader {
    bytes: AlignedVec,
}

impl JournalReader {
    /// Opens the entry with this payload.
    ///
    /// # Errors
    /// When it is damaged.
    pub fn open(payload: &[u8], decompressor: &mut Decompressor) -> Result<Self, BlockError> {
        let mut raw = Vec::new();
        decompressor.open(payload, "journal", &mut raw)?;
        let mut bytes = AlignedVec::with_capacity(raw.len());
        bytes.extend_from_slice(&raw);
        let journal = JournalReader { bytes };
        match journal.places().last() {
            Some((_, end)) if end != raw.len() => Err(BlockError::Layout("journal")),
            None if !raw.is_empty() => Err(BlockError::Layout("journal")),
            _ => Ok(journal),
        }
    }

    /// Its records with table and number, in the order in which they were pushed.
    pub fn records(&self) -> impl Iterator<Item = (u32, u64, &[u8])> {
        self.places().map(|(record, _)| record)
    }

    /// The records, each with the place at which the next one begins.
    fn places(&self) -> impl Iterator<Item = ((u32, u64, &[u8]), usize)> {
        let mut at = 0;
        std::iter::from_fn(move || {
            let word = |at: usize| {
                let bytes = self.bytes.get(at..at + 8)?;
                Some(u64::from_le_bytes(bytes.try_into().ok()?))
            };
            let length = usize::try_from(word(at)?).ok()?;
            let number = word(at + 8)?;
            let start = at + PREFIX_BYTES;
            let record = self.bytes.get(start..start.checked_add(length)?)?;
            at = (start + length).next_multiple_of(16);
            Some(((RecordView::schema_of(record)?, number, record), at))
        })
    }
}
