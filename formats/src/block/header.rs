//! The fixed part of a block.

use super::BlockError;
use super::stacks::MOST_STACK_BYTES;
use crate::narrow::count32;
use rkyv::{Archive, Deserialize, Serialize, util::AlignedVec};

/// The version of blocks that this build writes; it reads those before too.
pub const BLOCK_VERSION: u32 = 2;

/// In front of the header archive.
mod offset {
    /// u32
    pub const VERSION: usize = 0;
    /// u32
    pub const ARCHIVE_BYTES: usize = 4;
    pub const ARCHIVE: usize = 8;
}

/// Every row has every instance.
pub const UNIFORM: u16 = 1;

/// The directory has the last, smallest, largest word and the sum of each column.
pub const ROLLUPS: u16 = 2;

/// Some strings of the dictionary are stacks, and in a trie behind the others. From version 2 on.
const STACKS: u16 = 4;

/// Written out they take fewer bytes than two to the power of what stands in these bits.
const STACK_BYTES_SHIFT: u32 = 8;
const STACK_BYTES_BITS: u16 = 0x1f;

/// Blocks of fewer rows go without rollups: at 60 rows they were a fifth of the block, and decoding
/// the rows instead takes less than a microsecond a column.
pub const ROLLUP_ROWS: usize = 256;

/// The header of a block: what it takes to find and open everything else. What it takes
/// to decode stands in the directory, which is compressed.
#[derive(Archive, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
pub struct BlockHeader {
    /// `CLOCK_BOOTTIME` ns of the first row.
    pub first_ns: u64,
    /// The table, by the number of its schema in the segment.
    pub table: u32,
    /// Samples, or events.
    pub rows: u32,
    /// Instances.
    pub instances: u32,
    /// Value columns of a row.
    pub width: u32,
    /// Key words of an instance.
    pub key_width: u16,
    /// Bit 0: every sample has every instance. Bit 1: there are rollups. Bit 2: there are stacks, and
    /// bits 8-12 have what they take.
    pub flags: u16,
    /// Bytes of the directory's frame.
    pub directory_bytes: u32,
    /// The groups of columns.
    pub groups: Vec<Group>,
}

/// A group of columns.
#[derive(Archive, Serialize, Deserialize, Clone, Copy, Debug, PartialEq)]
pub struct Group {
    /// The first column that is no more in it; columns are `value * instances + instance`.
    pub end_column: u32,
    /// Bytes of its frame.
    pub frame_bytes: u32,
}

impl BlockHeader {
    /// Appends version, length and archive.
    ///
    /// # Errors
    /// When memory cannot be had.
    pub fn put(&self, out: &mut Vec<u8>) -> Result<(), BlockError> {
        let archive = rkyv::to_bytes::<rkyv::rancor::Error>(self)
            .map_err(|_| BlockError::Layout("header under construction"))?;
        out.extend_from_slice(&BLOCK_VERSION.to_le_bytes());
        out.extend_from_slice(&count32(archive.len()).to_le_bytes());
        out.extend_from_slice(&archive);
        Ok(())
    }

    /// Reads the header at the start of a block and returns it with its length.
    pub fn take(block: &[u8]) -> Result<(BlockHeader, usize), BlockError> {
        let damaged = BlockError::Layout("header");
        let Some((prefix, rest)) = block.split_first_chunk::<{ offset::ARCHIVE }>() else {
            return Err(damaged);
        };
        let word = |at| u32::from_le_bytes(std::array::from_fn(|byte| prefix[at + byte]));
        let version = word(offset::VERSION);
        if version > BLOCK_VERSION {
            return Err(BlockError::Newer(version));
        } else if version == 0 {
            return Err(damaged);
        }
        let size = word(offset::ARCHIVE_BYTES) as usize;
        let bytes = rest.get(..size).ok_or(damaged)?;
        let mut archive = AlignedVec::<16>::with_capacity(size);
        archive.extend_from_slice(bytes);
        let header = rkyv::from_bytes::<BlockHeader, rkyv::rancor::Error>(&archive)
            .map_err(|_| BlockError::Layout("header"))?;
        Ok((header, offset::ARCHIVE + size))
    }

    /// Number of columns: one for each value column of each instance.
    pub fn columns(&self) -> usize {
        self.width as usize * self.instances as usize
    }

    /// Whether every sample has every instance.
    pub fn is_uniform(&self) -> bool {
        self.flags & UNIFORM != 0
    }

    /// Whether the dictionary has stacks.
    pub fn has_stacks(&self) -> bool {
        self.flags & STACKS != 0
    }

    /// Says that it has stacks, which take so many bytes written out.
    pub fn set_stacks(&mut self, written_bytes: usize) {
        let bits = usize::BITS - written_bytes.min(MOST_STACK_BYTES).leading_zeros();
        let bits = u16::try_from(bits).unwrap_or(STACK_BYTES_BITS);
        self.flags |= STACKS | bits << STACK_BYTES_SHIFT;
    }

    /// What its stacks may take, written out; 0 where there are none.
    pub fn most_stack_bytes(&self) -> usize {
        let bits = self.flags >> STACK_BYTES_SHIFT & STACK_BYTES_BITS;
        if self.has_stacks() { MOST_STACK_BYTES.min(1 << bits) } else { 0 }
    }

    /// Whether the directory has rollups.
    pub fn has_rollups(&self) -> bool {
        self.flags & ROLLUPS != 0
    }
}
