//! The envelope of every chunk: what it is, and a checksum.
//!
//! ```text
//! 0   magic "NMCK"      u32
//! 4   kind              u8    see ChunkKind
//! 5   format version    u8
//! 6   piece             u8    from 0
//! 7   pieces            u8
//! 8   id                u64   growing within its kind
//! 16  payload length    u32
//! 20  checksum          u32   low half of XXH3-64 over bytes 0..20 and the payload
//! 24  payload
//! ```

use super::FORMAT_VERSION;
use crate::narrow::{count32, low_half};
use xxhash_rust::xxh3::Xxh3;

/// The version as the byte that an envelope has for it.
const VERSION_BYTE: u8 = {
    assert!(FORMAT_VERSION <= 255);
    FORMAT_VERSION.to_le_bytes()[0]
};

/// Where the fields of an envelope are.
mod offset {
    pub const KIND: usize = 4;
    pub const VERSION: usize = 5;
    pub const PIECE: usize = 6;
    pub const PIECES: usize = 7;
    pub const ID: usize = 8;
    pub const PAYLOAD_BYTES: usize = 16;
    pub const CHECKSUM: usize = 20;
}

/// `NMCK`, little endian.
pub const MAGIC: [u8; 4] = *b"NMCK";
/// Bytes in front of the payload.
pub const ENVELOPE_BYTES: usize = offset::CHECKSUM + 4;
/// A block is split into at most this many pieces.
pub const MOST_PIECES: usize = 3;

/// What a chunk holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum ChunkKind {
    /// The description of the segment; there is one, with id 0.
    Description = 1,
    /// A schema; the id is the table's number.
    Schema = 2,
    /// A block.
    Block = 3,
    /// Records that are not in a block yet.
    Journal = 4,
    /// The gaps that one commit brought.
    Gaps = 5,
    /// A clock offset.
    Clock = 6,
    /// What the ring of the segment may take.
    Limits = 7,
    /// What the ring of fine rows may take, in a segment that still has its own.
    FineLimits = 8,
    /// Description and schemas once more, compressed.
    Copies = 16,
}

impl ChunkKind {
    fn from_byte(byte: u8) -> Option<ChunkKind> {
        use ChunkKind::{
            Block, Clock, Copies, Description, FineLimits, Gaps, Journal, Limits, Schema,
        };
        let all = [Description, Schema, Block, Journal, Gaps, Clock, Limits, FineLimits, Copies];
        all.into_iter().find(|kind| *kind as u8 == byte)
    }
}

impl std::fmt::Display for ChunkKind {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(match self {
            ChunkKind::Description => "description",
            ChunkKind::Schema => "schema",
            ChunkKind::Block => "block",
            ChunkKind::Journal => "journal entry",
            ChunkKind::Gaps => "list of gaps",
            ChunkKind::Clock => "clock offset",
            ChunkKind::Limits => "limits of the ring",
            ChunkKind::FineLimits => "limits of the ring of fine rows",
            ChunkKind::Copies => "list of copies",
        })
    }
}

/// Why bytes are not a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// They do not begin like one, or are cut short.
    #[error("it is not a chunk")]
    NotAChunk,
    /// A newer nodemon wrote it.
    #[error("it has format version {0}")]
    Newer(u8),
    /// The checksum does not match.
    #[error("its checksum does not match")]
    Checksum,
    /// It is another chunk than the one that was asked for.
    #[error("it is another chunk than it should be")]
    Misplaced,
}

/// What an envelope says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// What the chunk holds.
    pub kind: ChunkKind,
    /// Its number within its kind.
    pub id: u64,
    /// Which piece this is.
    pub piece: u8,
    /// Of how many.
    pub pieces: u8,
}

impl Envelope {
    /// The key of the chunk in redb: kind, id, piece, so that chunks of a kind lie together in the
    /// order of their ids.
    pub fn key(&self) -> u64 {
        chunk_key(self.kind, self.id, self.piece)
    }

    /// Appends envelope and payload.
    pub fn put(&self, payload: &[u8], out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&[self.kind as u8, VERSION_BYTE, self.piece, self.pieces]);
        out.extend_from_slice(&self.id.to_le_bytes());
        out.extend_from_slice(&count32(payload.len()).to_le_bytes());
        let checksum = checksum(&out[start..], payload);
        out.extend_from_slice(&checksum.to_le_bytes());
        out.extend_from_slice(payload);
    }

    /// Reads the envelope at the start of `bytes` and returns it with the payload, whose checksum
    /// is verified. Bytes behind the payload are ignored.
    ///
    /// # Errors
    /// [`EnvelopeError`].
    pub fn take(bytes: &[u8]) -> Result<(Envelope, &[u8]), EnvelopeError> {
        let (head, rest) =
            bytes.split_first_chunk::<ENVELOPE_BYTES>().ok_or(EnvelopeError::NotAChunk)?;
        if head[..offset::KIND] != MAGIC {
            return Err(EnvelopeError::NotAChunk);
        }
        let word =
            |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
        let payload = rest.get(..payload_bytes(head)).ok_or(EnvelopeError::NotAChunk)?;
        if word(offset::CHECKSUM) != checksum(&head[..offset::CHECKSUM], payload) {
            return Err(EnvelopeError::Checksum);
        }
        let [version, piece, pieces] =
            [offset::VERSION, offset::PIECE, offset::PIECES].map(|at| head[at]);
        if u32::from(version) > FORMAT_VERSION {
            return Err(EnvelopeError::Newer(version));
        }
        let kind = ChunkKind::from_byte(head[offset::KIND]).ok_or(EnvelopeError::NotAChunk)?;
        if piece >= pieces || usize::from(pieces) > MOST_PIECES {
            return Err(EnvelopeError::NotAChunk);
        }
        let id = u64::from(word(offset::ID)) | u64::from(word(offset::ID + 4)) << 32;
        Ok((Envelope { kind, id, piece, pieces }, payload))
    }
}

/// Length of the payload behind an envelope, as the envelope says.
pub fn payload_bytes(head: &[u8; ENVELOPE_BYTES]) -> usize {
    let [a, b, c, d] = std::array::from_fn(|byte| head[offset::PAYLOAD_BYTES + byte]);
    u32::from_le_bytes([a, b, c, d]) as usize
}

fn checksum(head: &[u8], payload: &[u8]) -> u32 {
    let mut hash = Xxh3::new();
    hash.update(head);
    hash.update(payload);
    low_half(hash.digest())
}

/// The key of a chunk: see [`Envelope::key`].
pub fn chunk_key(kind: ChunkKind, id: u64, piece: u8) -> u64 {
    (kind as u64) << 56 | (id & 0x003f_ffff_ffff_ffff) << 2 | u64::from(piece & 3)
}

/// Cuts a payload into at most [`MOST_PIECES`] whose values fill pages of redb: a value takes a
/// power of two of pages, less 16 bytes for its leaf. Random lengths then take 1.05 times their
/// size instead of 1.34.
pub fn pieces_of(length: usize) -> impl Iterator<Item = std::ops::Range<usize>> {
    let mut start = 0;
    let mut left_pieces = MOST_PIECES;
    std::iter::from_fn(move || {
        if start >= length && !(length == 0 && left_pieces == MOST_PIECES) {
            return None;
        }
        left_pieces -= 1;
        let left = length - start;
        let fitting = largest_fitting(left);
        let size = if left_pieces == 0 || fitting == 0 { left } else { fitting.min(left) };
        let range = start..start + size;
        start += size;
        Some(range)
    })
}

/// The largest payload of at most `length` bytes whose value fills its pages; 0 when it is smaller
/// than a page.
fn largest_fitting(length: usize) -> usize {
    let mut fitting = 0;
    let mut pages = 1;
    while pages * 4096 - 16 - ENVELOPE_BYTES <= length {
        fitting = pages * 4096 - 16 - ENVELOPE_BYTES;
        pages *= 2;
    }
    fitting
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn pieces_cover_a_payload_once_and_in_order(length in 0usize..3_000_000) {
            let pieces: Vec<_> = pieces_of(length).collect();
            prop_assert!(!pieces.is_empty() && pieces.len() <= MOST_PIECES);
            let mut at = 0;
            for piece in &pieces {
                prop_assert_eq!(piece.start, at);
                at = piece.end;
            }
            prop_assert_eq!(at, length);
        }

        #[test]
        fn a_chunk_comes_back_and_any_flipped_bit_is_noticed(
            payload in proptest::collection::vec(any::<u8>(), 0..300),
            id in any::<u64>(),
            flip in any::<prop::sample::Index>(),
        ) {
            let envelope = Envelope { kind: ChunkKind::Block, id, piece: 1, pieces: 2 };
            let mut bytes = Vec::new();
            envelope.put(&payload, &mut bytes);
            prop_assert_eq!(Envelope::take(&bytes).unwrap(), (envelope, &payload[..]));
            let bit = flip.index(bytes.len() * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(Envelope::take(&bytes).is_err(), "bit {} flipped unnoticed", bit);
        }
    }
}
