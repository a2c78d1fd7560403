//! Where the chunks of a segment lie in its file, found as docs/format.md describes them.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use xxhash_rust::xxh3::xxh3_64;

/// Bytes of an envelope.
const ENVELOPE: usize = 24;

/// What a chunk is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The description of the segment.
    Description = 1,
    /// The schema of a table; its id is the number of the table.
    Schema = 2,
    /// A block.
    Block = 3,
    /// An offset of the wall clock.
    Clock = 6,
    /// Descriptions and schemas once more.
    Copies = 16,
}

/// A piece of a chunk in the file of a segment. redb may have left older copies behind.
#[derive(Clone, Copy, Debug)]
pub struct Piece {
    /// The number of its chunk.
    pub id: u64,
    /// Which piece of it, from 0.
    pub piece: u8,
    /// Where its envelope begins.
    pub offset: u64,
    /// Bytes of its payload.
    pub payload: u64,
}

impl Piece {
    /// Where the chunk ends in the file.
    pub fn end(&self) -> u64 {
        self.offset + ENVELOPE as u64 + self.payload
    }

    /// Overwrites one byte in the middle of its payload with another value.
    pub fn damage(&self, segment: &Path) {
        let file = File::options().read(true).write(true).open(segment).expect("it can be opened");
        let at = self.offset + ENVELOPE as u64 + self.payload / 2;
        let mut byte = [0];
        file.read_exact_at(&mut byte, at).expect("the byte can be read");
        file.write_all_at(&[byte[0] ^ 0x55], at).expect("the byte can be written");
    }
}

/// Every whole copy of every piece of a chunk of this kind that lies in the file.
pub fn chunks_in(segment: &Path, kind: Kind) -> Vec<Piece> {
    let bytes = std::fs::read(segment).expect("the segment can be read");
    let starts = bytes.windows(4).enumerate().filter(|(_, four)| *four == b"NMCK");
    starts.filter_map(|(at, _)| piece_at(&bytes, at, kind)).collect()
}

fn piece_at(bytes: &[u8], at: usize, kind: Kind) -> Option<Piece> {
    let head = bytes.get(at..at + ENVELOPE)?;
    let word = |at: usize| Some(u32::from_le_bytes(head.get(at..at + 4)?.try_into().ok()?));
    let (length, checksum) = (word(16)? as usize, word(20)?);
    let payload = bytes.get(at + ENVELOPE..at + ENVELOPE + length)?;
    let summed = [&head[..20], payload].concat();
    let is_whole = xxh3_64(&summed) as u32 == checksum;
    (head[4] == kind as u8 && is_whole).then(|| Piece {
        id: u64::from_le_bytes(head[8..16].try_into().expect("eight bytes")),
        piece: head[6],
        offset: at as u64,
        payload: length as u64,
    })
}
