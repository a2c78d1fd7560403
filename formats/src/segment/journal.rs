//! The journal: records that are durable but not in a block yet.
//!
//! An entry is one zstd frame over some records, each behind 16 bytes: its length (u64) and its
//! number within its table (u64), and padded to a multiple of 16, so that records are aligned.
//! It is read as a stream: 56 KB can expand to gigabytes.

use crate::block::{BlockError, Unpacker};
use crate::record::RecordView;
use rkyv::util::AlignedVec;

const PREFIX_BYTES: usize = 16;

/// The longest record that is read. What a source sends at once is a few MiB at most.
const MOST_RECORD_BYTES: usize = 32 << 20;

/// Bytes of one segment's journal that are read, unpacked: a minute of 50,000 processes. More is
/// damage, or made to keep its reader busy.
const MOST_JOURNAL_BYTES: usize = 512 << 20;

/// Appends a record, the `number`-th of its table, as it stands in the frame.
pub fn put_record(number: u64, record: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&(record.len() as u64).to_le_bytes());
    out.extend_from_slice(&number.to_le_bytes());
    out.extend_from_slice(record);
    out.resize(out.len().next_multiple_of(16), 0);
}

/// Reads entries.
pub struct JournalReader {
    unpacker: Unpacker,
    most_record_bytes: usize,
    most_bytes: usize,
    /// What is unpacked and not read yet; begins with a record.
    bytes: AlignedVec,
    read_bytes: usize,
}

impl Default for JournalReader {
    fn default() -> JournalReader {
        JournalReader::at_most(MOST_RECORD_BYTES, MOST_JOURNAL_BYTES)
    }
}

impl JournalReader {
    /// One that reads no longer records, and no more of a segment.
    pub fn at_most(record_bytes: usize, bytes: usize) -> JournalReader {
        JournalReader {
            unpacker: Unpacker::default(),
            most_record_bytes: record_bytes.min(MOST_RECORD_BYTES),
            most_bytes: bytes.min(MOST_JOURNAL_BYTES),
            bytes: AlignedVec::new(),
            read_bytes: 0,
        }
    }

    /// Whether more was read than is read of a segment.
    pub fn is_spent(&self) -> bool {
        self.read_bytes > self.most_bytes
    }

    /// Calls `each` with table, number and bytes of each record of the entry with this payload, in
    /// the order in which they were pushed.
    ///
    /// # Errors
    /// When the entry is damaged. Records before the damage were read.
    pub fn read(
        &mut self,
        payload: &[u8],
        mut each: impl FnMut(u32, u64, &[u8]),
    ) -> Result<(), BlockError> {
        let damaged = || BlockError::Layout("journal");
        self.bytes.clear();
        self.unpacker.start("journal")?;
        loop {
            let unpacked = self.unpacker.more(payload, &mut self.bytes)?;
            self.read_bytes += unpacked;
            if self.is_spent() {
                return Err(BlockError::Layout("length of the journal"));
            }
            let mut at = 0;
            while let Some((length, number)) = prefix(&self.bytes, at) {
                if length > self.most_record_bytes {
                    return Err(damaged());
                }
                let start = at + PREFIX_BYTES;
                let next = (start + length).next_multiple_of(16);
                if next > self.bytes.len() {
                    break;
                }
                let record = &self.bytes[start..start + length];
                each(RecordView::schema_of(record).ok_or_else(damaged)?, number, record);
                at = next;
            }
            // Records stay aligned: they are multiples of 16 long.
            let left = self.bytes.len() - at;
            self.bytes.copy_within(at.., 0);
            self.bytes.resize(left, 0);
            if unpacked == 0 {
                return if left == 0 { Ok(()) } else { Err(damaged()) };
            }
        }
    }
}

/// Length and number of the record at a place, where it has begun.
fn prefix(bytes: &[u8], at: usize) -> Option<(usize, u64)> {
    let word = |at: usize| Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?));
    // More than can be addressed is more than any record has.
    Some((usize::try_from(word(at)?).unwrap_or(usize::MAX), word(at + 8)?))
}
