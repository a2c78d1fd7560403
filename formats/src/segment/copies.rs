//! Description and schemas once more: without them nothing of a segment can be read, and they lie
//! in one page or a few. A list of copies is one zstd frame over archives, each behind the key of
//! its chunk (u64) and its length (u64), and padded to a multiple of 16.

use super::envelope::{ChunkKind, chunk_key};
use crate::block::{BlockError, Compressor, Decompressor};
use crate::memory::clear_and_shrink;
use std::collections::BTreeMap;

const PREFIX_BYTES: usize = 16;

/// What the copies of a segment hold at most, unpacked; those of 42 tables hold 300 KB.
pub const MOST_COPIES_BYTES: usize = 4 << 20;

/// Gathers copies.
#[derive(Default)]
pub struct Copies(Vec<u8>);

impl Copies {
    /// Adds the archive of a chunk.
    pub fn add(&mut self, kind: ChunkKind, id: u64, archive: &[u8]) {
        self.0.extend_from_slice(&chunk_key(kind, id, 0).to_le_bytes());
        self.0.extend_from_slice(&(archive.len() as u64).to_le_bytes());
        self.0.extend_from_slice(archive);
        self.0.resize(self.0.len().next_multiple_of(16), 0);
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The frame of those that were added, which are forgotten; appended to `out`.
    ///
    /// # Errors
    /// When zstd cannot get memory.
    pub fn frame(
        &mut self,
        compressor: &mut Compressor,
        out: &mut Vec<u8>,
    ) -> Result<(), BlockError> {
        compressor.frame(&[&self.0], out)?;
        self.clear();
        Ok(())
    }

    /// Forgets them.
    pub fn clear(&mut self) {
        clear_and_shrink(&mut self.0);
    }
}

/// Archives by the keys of their chunks, and how many bytes of them are still read.
pub struct Found {
    archives: BTreeMap<u64, Vec<u8>>,
    left_bytes: usize,
}

impl Default for Found {
    fn default() -> Found {
        Found { archives: BTreeMap::new(), left_bytes: MOST_COPIES_BYTES }
    }
}

impl Found {
    /// Reads the copies in a frame.
    ///
    /// # Errors
    /// When it is damaged. Those before the damage were read.
    pub fn read(&mut self, frame: &[u8]) -> Result<(), BlockError> {
        let mut bytes = Vec::new();
        Decompressor::default().open_at_most(self.left_bytes, frame, "copies", &mut bytes)?;
        self.left_bytes -= bytes.len();
        let mut at = 0;
        while at < bytes.len() {
            let damaged = || BlockError::Layout("list of copies");
            let word =
                |at: usize| Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?));
            let (key, length) = word(at).zip(word(at + 8)).ok_or_else(damaged)?;
            let length = usize::try_from(length).unwrap_or(usize::MAX);
            let start = at + PREFIX_BYTES;
            let archive = bytes.get(start..start.saturating_add(length)).ok_or_else(damaged)?;
            self.archives.insert(key, archive.to_vec());
            at = (start + length).next_multiple_of(16);
        }
        Ok(())
    }

    /// The archive of a chunk.
    pub fn get(&self, kind: ChunkKind, id: u64) -> Option<&[u8]> {
        self.archives.get(&chunk_key(kind, id, 0)).map(Vec::as_slice)
    }

    /// The numbers of the chunks of a kind that are there.
    pub fn ids(&self, kind: ChunkKind) -> impl Iterator<Item = u64> + '_ {
        let range = chunk_key(kind, 0, 0)..=chunk_key(kind, u64::MAX, 3);
        self.archives.range(range).map(|(key, _)| (key & 0x00ff_ffff_ffff_ffff) >> 2)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn copies_come_back_and_what_is_cut_short_is_refused() {
        let mut copies = Copies::default();
        copies.add(ChunkKind::Schema, 3, b"three");
        copies.add(ChunkKind::Schema, 4, &[4; 100]);
        copies.add(ChunkKind::Description, 0, b"");
        let mut frame = Vec::new();
        copies.frame(&mut Compressor::default(), &mut frame).unwrap();
        assert!(copies.is_empty());
        let mut found = Found::default();
        found.read(&frame).unwrap();
        assert_eq!(found.get(ChunkKind::Schema, 3), Some(&b"three"[..]));
        assert_eq!(found.get(ChunkKind::Description, 0), Some(&b""[..]));
        assert_eq!(found.ids(ChunkKind::Schema).collect::<Vec<_>>(), [3, 4]);
        let mut lying = Vec::new();
        for length in [1, 100, u64::MAX, u64::MAX - 20] {
            let raw = [7u64.to_le_bytes(), length.to_le_bytes()].concat();
            lying.clear();
            Compressor::default().frame(&[&raw], &mut lying).unwrap();
            assert!(Found::default().read(&lying).is_err(), "{length}");
        }
    }
}
