//! What is in a page: the leaf of tables, leaves and branches of trees, and the numbers in them.

use super::offset::{definition, page};
use xxhash_rust::xxh3::xxh3_128;

/// The key of an entry: table, time and block of the index; 0, 0 and the key of a chunk.
pub type Key = (u32, u64, u64);

/// How a page begins that is a leaf, and one that is a branch.
pub const LEAF: u8 = 1;
pub const BRANCH: u8 = 2;
/// redb's type of a table that has one value a key.
const NORMAL_TABLE: u8 = 3;

/// Keys of chunks, and of the index.
pub const CHUNK_KEY_BYTES: usize = 8;
pub const INDEX_KEY_BYTES: usize = 20;

/// Tables that a file has at most; a segment has two.
const MOST_TABLES: usize = 16;

/// Where a tree begins.
#[derive(Clone, Copy)]
pub struct Root {
    /// The number of its page.
    pub page: u64,
    /// The checksum of that.
    pub checksum: u128,
}

/// A tree of keys of fixed length.
#[derive(Clone, Copy)]
pub struct Tree {
    pub(super) root: Root,
    pub(super) key_bytes: usize,
}

/// The `u32` at a place.
pub fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

/// The `u64` at a place.
pub fn long(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}

/// The checksum at a place.
pub fn checksum_at(bytes: &[u8], at: usize) -> Option<u128> {
    Some(u128::from_le_bytes(bytes.get(at..at + 16)?.try_into().ok()?))
}

/// Where a tree begins, as it stands at a place.
pub fn root_at(bytes: &[u8], at: usize) -> Option<Root> {
    Some(Root { page: long(bytes, at)?, checksum: checksum_at(bytes, at + 8)? })
}

fn key_at(bytes: &[u8], at: usize, key_bytes: usize) -> Option<Key> {
    match key_bytes {
        CHUNK_KEY_BYTES => Some((0, 0, long(bytes, at)?)),
        _ => Some((word(bytes, at)?, long(bytes, at + 4)?, long(bytes, at + 12)?)),
    }
}

/// Entries of a leaf, keys of a branch.
fn count_of(page: &[u8]) -> Option<usize> {
    let count = page.get(page::COUNT..page::COUNT + 2)?.try_into().ok()?;
    Some(usize::from(u16::from_le_bytes(count)))
}

/// Names and definitions in the leaf of tables, which stand with their ends in front.
pub fn tables_of(page: &[u8], checksum: u128) -> Option<Vec<(&[u8], &[u8])>> {
    let count = count_of(page)?;
    if page[page::KIND] != LEAF || !(1..=MOST_TABLES).contains(&count) {
        return None;
    }
    let end = |at: usize| Some(word(page, page::ENDS + 4 * at)? as usize);
    let whole = page.get(..end(2 * count - 1)?)?;
    if xxh3_128(whole) != checksum {
        return None;
    }
    let start = |at: usize| if at == 0 { Some(page::ENDS + 8 * count) } else { end(at - 1) };
    (0..count)
        .map(|at| {
            let definition = whole.get(start(count + at)?..end(count + at)?)?;
            Some((whole.get(start(at)?..end(at)?)?, definition))
        })
        .collect()
}

/// The tree of a table; `Some(None)` of one without entries.
pub fn tree_of(definition: &[u8]) -> Option<Option<Tree>> {
    let has_root = *definition.get(definition::HAS_ROOT)?;
    if definition[definition::KIND] != NORMAL_TABLE
        || *definition.get(definition::HAS_KEY_BYTES)? == 0
    {
        return None;
    }
    let key_bytes = word(definition, definition::KEY_BYTES)? as usize;
    // A value of fixed length would have no ends in front.
    if !matches!(key_bytes, CHUNK_KEY_BYTES | INDEX_KEY_BYTES)
        || *definition.get(definition::HAS_VALUE_BYTES)? != 0
    {
        return None;
    }
    Some(match has_root {
        0 => None,
        _ => Some(Tree { root: root_at(definition, definition::ROOT)?, key_bytes }),
    })
}

/// A leaf, or as much of one as its keys take.
pub struct Leaf<'a> {
    page: &'a [u8],
    /// Entries in it.
    pub count: usize,
    key_bytes: usize,
}

impl<'a> Leaf<'a> {
    pub fn new(page: &'a [u8], key_bytes: usize) -> Option<Leaf<'a>> {
        let count = count_of(page)?;
        (count > 0).then_some(Leaf { page, count, key_bytes })
    }

    pub fn keys_end(&self) -> usize {
        page::ENDS + (4 + self.key_bytes) * self.count
    }

    pub fn key(&self, at: usize) -> Option<Key> {
        key_at(self.page, page::ENDS + 4 * self.count + self.key_bytes * at, self.key_bytes)
    }

    fn end(&self, at: usize) -> Option<usize> {
        Some(word(self.page, page::ENDS + 4 * at)? as usize)
    }

    pub fn value(&self, at: usize) -> Option<&'a [u8]> {
        let start = if at == 0 { self.keys_end() } else { self.end(at - 1)? };
        self.page.get(start..self.end(at)?)
    }

    pub fn verify(&self, checksum: u128) -> Option<()> {
        let whole = self.page.get(..self.end(self.count - 1)?)?;
        (xxh3_128(whole) == checksum).then_some(())
    }

    /// The first entry whose key is at least `from`.
    pub fn position(&self, from: Key) -> Option<usize> {
        let (mut low, mut high) = (0, self.count);
        while low < high {
            let middle = low.midpoint(high);
            if self.key(middle)? < from { low = middle + 1 } else { high = middle }
        }
        Some(low)
    }
}

/// A branch.
pub struct Branch<'a> {
    page: &'a [u8],
    /// Keys in it, one less than children.
    pub keys: usize,
    key_bytes: usize,
}

impl<'a> Branch<'a> {
    pub fn new(page: &'a [u8], key_bytes: usize, checksum: u128) -> Option<Branch<'a>> {
        let keys = count_of(page)?;
        let branch = Branch { page, keys, key_bytes };
        let whole = page.get(..branch.keys_start() + key_bytes * keys)?;
        (keys > 0 && xxh3_128(whole) == checksum).then_some(branch)
    }

    fn pages_start(&self) -> usize {
        page::CHECKSUMS + 16 * (self.keys + 1)
    }

    fn keys_start(&self) -> usize {
        self.pages_start() + 8 * (self.keys + 1)
    }

    pub fn key(&self, at: usize) -> Option<Key> {
        key_at(self.page, self.keys_start() + self.key_bytes * at, self.key_bytes)
    }

    pub fn child(&self, at: usize) -> Option<Root> {
        Some(Root {
            page: long(self.page, self.pages_start() + 8 * at)?,
            checksum: checksum_at(self.page, page::CHECKSUMS + 16 * at)?,
        })
    }

    /// The child in which a key is, if it is there: each key is the greatest of the child before.
    pub fn position(&self, key: Key) -> Option<usize> {
        let (mut low, mut high) = (0, self.keys);
        while low < high {
            let middle = low.midpoint(high);
            if self.key(middle)? < key { low = middle + 1 } else { high = middle }
        }
        Some(low)
    }
}
