//! Reads the trees of a segment's file without redb, which takes every page on trust: it asks for
//! memory by what a page number says, 4 GiB for one flipped bit, and panics over what does not hold
//! together. Here nothing of the file is believed before it is checked: a page lies inside the file
//! and is no larger than any that is written, its checksum is that which its parent has, keys only
//! grow, and no walk reads more pages than the file has.
//!
//! The layout is that of redb's file format 3 and 4 (`docs/format.md` has what is used of it). A
//! commit is two-phase: the slot that the header names is durable as a whole, so a file whose
//! writer died needs no repair to be read.

use super::SegmentError;
use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::ops::{ControlFlow, Range};
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex, PoisonError};
use xxhash_rust::xxh3::xxh3_128;

/// The key of an entry: table, time and block of the index; 0, 0 and the key of a chunk.
pub type Key = (u32, u64, u64);

const PAGE_BYTES: u64 = 4096;
const HEADER_BYTES: usize = 320;
const MAGIC: [u8; 9] = [b'r', b'e', b'd', b'b', 0x1a, 0x0a, 0xa9, 0x0d, 0x0a];
const LEAF: u8 = 1;
const BRANCH: u8 = 2;
/// redb's type of a table that has one value a key.
const NORMAL_TABLE: u8 = 3;

/// So often a header that is torn is read.
const HEADER_TRIES: u32 = 4;

/// Keys of chunks, and of the index.
const CHUNK_KEY_BYTES: usize = 8;
const INDEX_KEY_BYTES: usize = 20;

/// The largest page that is read is 2^13 × 4,096 bytes, 32 MiB: pieces of blocks are a few MiB.
const MOST_ORDER: u64 = 13;
/// Tables of tables have a few entries, and are one page.
const MOST_ROOT_ORDER: u64 = 4;
/// Branches hold a hundred children and more: a tree of this depth would not fit on any disk.
const MOST_DEPTH: usize = 12;
/// Tables that a file has at most; a segment has two.
const MOST_TABLES: usize = 16;
/// Pages of 4 KiB that are kept: branches, and leaves of the index.
const MOST_KEPT: usize = 256;

/// Where a tree begins.
#[derive(Clone, Copy)]
struct Root {
    page: u64,
    checksum: u128,
}

/// A tree of keys of fixed length.
#[derive(Clone, Copy)]
pub struct Tree {
    root: Root,
    key_bytes: usize,
}

/// The trees of one commit.
pub struct Trees {
    file: Arc<File>,
    file_bytes: u64,
    most_page_bytes: u64,
    is_older: bool,
    region_bytes: u64,
    region_header_bytes: u64,
    /// Chunks by key.
    pub chunks: Option<Tree>,
    /// Blocks by table, time and number.
    pub index: Option<Tree>,
    kept: Mutex<BTreeMap<u64, Arc<[u8]>>>,
}

/// What a walk still may read.
struct Walk<'a> {
    trees: &'a Trees,
    tree: Tree,
    pages_left: u64,
}

fn damaged(what: &str) -> SegmentError {
    SegmentError::Database(what.to_owned())
}

fn torn() -> SegmentError {
    damaged("its trees are damaged")
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn long(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}

fn checksum_at(bytes: &[u8], at: usize) -> Option<u128> {
    Some(u128::from_le_bytes(bytes.get(at..at + 16)?.try_into().ok()?))
}

fn root_at(bytes: &[u8], at: usize) -> Option<Root> {
    Some(Root { page: long(bytes, at)?, checksum: checksum_at(bytes, at + 8)? })
}

fn key_at(bytes: &[u8], at: usize, key_bytes: usize) -> Option<Key> {
    match key_bytes {
        CHUNK_KEY_BYTES => Some((0, 0, long(bytes, at)?)),
        _ => Some((word(bytes, at)?, long(bytes, at + 4)?, long(bytes, at + 12)?)),
    }
}

impl Trees {
    /// The trees as the newest commit in `file` has them. A page that is larger than
    /// `most_page_bytes` is taken for damage.
    ///
    /// # Errors
    /// When the file is no segment, is damaged, or cannot be read.
    pub fn open(file: Arc<File>, most_page_bytes: u64) -> Result<Trees, SegmentError> {
        let file_bytes = file.metadata()?.len();
        if file_bytes < HEADER_BYTES as u64 {
            return Err(damaged("the file is cut short"));
        }
        let (header, slot) = read_header(&file)?;
        let word = |at| u64::from(word(&header, at).unwrap_or(0));
        let (header_pages, data_pages) = (word(16), word(20));
        let is_sane = header[..9] == MAGIC
            && word(12) == PAGE_BYTES
            && header_pages <= 1 << 20
            && (1..=1 << 20).contains(&data_pages);
        if !is_sane {
            return Err(damaged("its header is damaged"));
        }
        let (slot, is_named) = slot.ok_or_else(|| damaged("its header is damaged"))?;
        let slot = &header[slot];
        let mut trees = Trees {
            file,
            file_bytes,
            most_page_bytes,
            is_older: !is_named,
            region_bytes: (header_pages + data_pages) * PAGE_BYTES,
            region_header_bytes: header_pages * PAGE_BYTES,
            chunks: None,
            index: None,
            kept: Mutex::default(),
        };
        if slot.first_chunk().is_some_and(|[_, has_root]| *has_root != 0) {
            trees.take_tables(root_at(slot, 8).ok_or_else(torn)?)?;
        }
        Ok(trees)
    }

    /// What is wrong with what can be read all the same. A commit is durable before the header names
    /// it, so one that is named and damaged was there once.
    pub fn damage(&self) -> Option<SegmentError> {
        self.is_older
            .then(|| damaged("its header is damaged, and the commit before the last is read"))
    }

    /// Reads the table of tables, which of a segment is one leaf.
    fn take_tables(&mut self, root: Root) -> Result<(), SegmentError> {
        let page = self.page(root)?;
        let tables = tables_of(&page, root.checksum).ok_or_else(torn)?;
        for (name, definition) in tables {
            let tree = tree_of(definition).ok_or_else(torn)?;
            match (name, tree.map_or(0, |tree| tree.key_bytes)) {
                (b"chunks", 0 | CHUNK_KEY_BYTES) => self.chunks = tree,
                (b"index", 0 | INDEX_KEY_BYTES) => self.index = tree,
                _ => return Err(torn()),
            }
        }
        Ok(())
    }

    /// Where the page of this number lies, and how long it is.
    fn place(&self, number: u64) -> Result<(u64, usize), SegmentError> {
        let order = number >> 59;
        if order > MOST_ORDER || PAGE_BYTES << order > self.most_page_bytes {
            return Err(torn());
        }
        let (index, region) = (number & (0xf_ffff >> order), number >> 20 & 0xf_ffff);
        let length = PAGE_BYTES << order;
        let offset =
            PAGE_BYTES + region * self.region_bytes + self.region_header_bytes + index * length;
        match offset + length <= self.file_bytes {
            true => Ok((offset, length as usize)),
            false => Err(damaged("the file is cut short")),
        }
    }

    /// A whole page; its checksum is verified by whoever knows how much of it counts.
    fn page(&self, root: Root) -> Result<Arc<[u8]>, SegmentError> {
        let (offset, length) = self.place(root.page)?;
        self.read(offset, length)
    }

    fn read(&self, offset: u64, length: usize) -> Result<Arc<[u8]>, SegmentError> {
        let mut bytes = vec![0; length];
        self.file.read_exact_at(&mut bytes, offset).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => damaged("the file is cut short"),
            _ => error.into(),
        })?;
        Ok(bytes.into())
    }

    /// Calls `each` with the keys of a tree that are at least `from`, ascending, until it breaks,
    /// and with the value where `with_values`.
    ///
    /// # Errors
    /// When a page is damaged or cannot be read.
    pub fn range(
        &self,
        tree: Option<Tree>,
        from: Key,
        with_values: bool,
        mut each: impl FnMut(Key, &[u8]) -> ControlFlow<()>,
    ) -> Result<(), SegmentError> {
        let Some(tree) = tree else { return Ok(()) };
        let mut last = None;
        let mut walk = Walk::new(self, tree);
        let flow = walk.ascend(tree.root, MOST_DEPTH, from, with_values, &mut |key, value| {
            if last.is_some_and(|last| key <= last) {
                return Err(torn());
            }
            last = Some(key);
            Ok(each(key, value))
        });
        flow.map(|_| ())
    }

    /// The last entry of a tree whose key is less than `bound`.
    ///
    /// # Errors
    /// As [`Trees::range`].
    pub fn last_before(
        &self,
        tree: Option<Tree>,
        bound: Key,
    ) -> Result<Option<(Key, Vec<u8>)>, SegmentError> {
        let Some(tree) = tree else { return Ok(None) };
        Walk::new(self, tree).descend(tree.root, MOST_DEPTH, bound)
    }

    /// The value of a key.
    ///
    /// # Errors
    /// As [`Trees::range`].
    pub fn get(&self, tree: Option<Tree>, wanted: Key) -> Result<Option<Vec<u8>>, SegmentError> {
        let mut found = None;
        self.range(tree, wanted, true, |key, value| {
            if key == wanted {
                found = Some(value.to_vec());
            }
            ControlFlow::Break(())
        })?;
        Ok(found)
    }
}

/// Where a slot is in the header, and whether it is the one that the header names.
type Slot = (Range<usize>, bool);

/// The header, and where in it the slot is that is to be read, with whether that is the one it names.
/// A writer may be in the middle of writing it, so one that is torn is read again.
fn read_header(file: &File) -> io::Result<([u8; HEADER_BYTES], Option<Slot>)> {
    let mut header = [0; HEADER_BYTES];
    let mut tries = HEADER_TRIES;
    loop {
        file.read_exact_at(&mut header, 0)?;
        let slot = slot_of(&header);
        tries -= 1;
        if tries == 0 || slot.as_ref().is_some_and(|(_, is_named)| *is_named) {
            return Ok((header, slot));
        }
        std::thread::yield_now();
    }
}

/// The slot of the header that is to be read: the one that it names, or the other where that one is
/// damaged. What a commit that never ended left behind does not pass the checksums of its pages.
fn slot_of(header: &[u8; HEADER_BYTES]) -> Option<Slot> {
    let primary = usize::from(header[9] & 1);
    [primary, 1 - primary].into_iter().find_map(|number| {
        let range = 64 + number * 128..64 + (number + 1) * 128;
        let slot = &header[range.clone()];
        let is_whole = checksum_at(slot, 112)? == xxh3_128(&slot[..112]);
        is_whole.then_some((range, number == primary))
    })
}

/// Whether redb may be let at the file: it reads the first pages of the trees, and asks for the
/// memory that their numbers say, before anything is verified.
///
/// # Errors
/// When the header cannot be read.
pub fn roots_are_small(file: &File) -> io::Result<bool> {
    let mut header = [0; HEADER_BYTES];
    file.read_exact_at(&mut header, 0)?;
    let slots = [&header[64..192], &header[192..320]];
    let mut roots = slots.into_iter().flat_map(|slot| [long(slot, 8), long(slot, 40)]);
    Ok(roots.all(|root| root.is_some_and(|page| page >> 59 <= MOST_ROOT_ORDER)))
}

/// Names and definitions in the leaf of tables, which stand with their ends in front.
fn tables_of(page: &[u8], checksum: u128) -> Option<Vec<(&[u8], &[u8])>> {
    let count = usize::from(u16::from_le_bytes([*page.get(2)?, *page.get(3)?]));
    if page[0] != LEAF || !(1..=MOST_TABLES).contains(&count) {
        return None;
    }
    let end = |at: usize| Some(word(page, 4 + 4 * at)? as usize);
    let whole = page.get(..end(2 * count - 1)?)?;
    if xxh3_128(whole) != checksum {
        return None;
    }
    let start = |at: usize| if at == 0 { Some(4 + 8 * count) } else { end(at - 1) };
    (0..count)
        .map(|at| {
            let definition = whole.get(start(count + at)?..end(count + at)?)?;
            Some((whole.get(start(at)?..end(at)?)?, definition))
        })
        .collect()
}

/// The tree of a table; `Some(None)` of one without entries.
fn tree_of(definition: &[u8]) -> Option<Option<Tree>> {
    let has_root = *definition.get(9)?;
    if definition[0] != NORMAL_TABLE || *definition.get(42)? == 0 {
        return None;
    }
    let key_bytes = word(definition, 43)? as usize;
    // A value of fixed length would have no ends in front.
    if !matches!(key_bytes, CHUNK_KEY_BYTES | INDEX_KEY_BYTES) || *definition.get(47)? != 0 {
        return None;
    }
    Some(match has_root {
        0 => None,
        _ => Some(Tree { root: root_at(definition, 10)?, key_bytes }),
    })
}

/// A leaf, or as much of one as its keys take.
struct Leaf<'a> {
    page: &'a [u8],
    count: usize,
    key_bytes: usize,
}

impl<'a> Leaf<'a> {
    fn new(page: &'a [u8], key_bytes: usize) -> Option<Leaf<'a>> {
        let count = usize::from(u16::from_le_bytes([*page.get(2)?, *page.get(3)?]));
        (count > 0).then_some(Leaf { page, count, key_bytes })
    }

    fn keys_end(&self) -> usize {
        4 + (4 + self.key_bytes) * self.count
    }

    fn key(&self, at: usize) -> Option<Key> {
        key_at(self.page, 4 + 4 * self.count + self.key_bytes * at, self.key_bytes)
    }

    fn end(&self, at: usize) -> Option<usize> {
        Some(word(self.page, 4 + 4 * at)? as usize)
    }

    fn value(&self, at: usize) -> Option<&'a [u8]> {
        let start = if at == 0 { self.keys_end() } else { self.end(at - 1)? };
        self.page.get(start..self.end(at)?)
    }

    fn verify(&self, checksum: u128) -> Option<()> {
        let whole = self.page.get(..self.end(self.count - 1)?)?;
        (xxh3_128(whole) == checksum).then_some(())
    }

    /// The first entry whose key is at least `from`.
    fn position(&self, from: Key) -> Option<usize> {
        let (mut low, mut high) = (0, self.count);
        while low < high {
            let middle = low.midpoint(high);
            if self.key(middle)? < from { low = middle + 1 } else { high = middle }
        }
        Some(low)
    }
}

/// A branch.
struct Branch<'a> {
    page: &'a [u8],
    keys: usize,
    key_bytes: usize,
}

impl<'a> Branch<'a> {
    fn new(page: &'a [u8], key_bytes: usize, checksum: u128) -> Option<Branch<'a>> {
        let keys = usize::from(u16::from_le_bytes([*page.get(2)?, *page.get(3)?]));
        let branch = Branch { page, keys, key_bytes };
        let whole = page.get(..branch.keys_start() + key_bytes * keys)?;
        (keys > 0 && xxh3_128(whole) == checksum).then_some(branch)
    }

    fn keys_start(&self) -> usize {
        8 + 24 * (self.keys + 1)
    }

    fn key(&self, at: usize) -> Option<Key> {
        key_at(self.page, self.keys_start() + self.key_bytes * at, self.key_bytes)
    }

    fn child(&self, at: usize) -> Option<Root> {
        Some(Root {
            page: long(self.page, 8 + 16 * (self.keys + 1) + 8 * at)?,
            checksum: checksum_at(self.page, 8 + 16 * at)?,
        })
    }

    /// The child in which a key is, if it is there: each key is the greatest of the child before.
    fn position(&self, key: Key) -> Option<usize> {
        let (mut low, mut high) = (0, self.keys);
        while low < high {
            let middle = low.midpoint(high);
            if self.key(middle)? < key { low = middle + 1 } else { high = middle }
        }
        Some(low)
    }
}

type Each<'a> = dyn FnMut(Key, &[u8]) -> Result<ControlFlow<()>, SegmentError> + 'a;

impl<'a> Walk<'a> {
    fn new(trees: &'a Trees, tree: Tree) -> Walk<'a> {
        Walk { trees, tree, pages_left: trees.file_bytes / PAGE_BYTES }
    }

    /// A page of the tree. Of a leaf whose values are not wanted only the keys are read.
    fn page(&mut self, at: Root, with_values: bool) -> Result<Arc<[u8]>, SegmentError> {
        self.pages_left = self.pages_left.checked_sub(1).ok_or_else(torn)?;
        let kept = || self.trees.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(page) = kept().get(&at.page) {
            return Ok(page.clone());
        }
        let (offset, length) = self.trees.place(at.page)?;
        let mut page = self.trees.read(offset, length.min(PAGE_BYTES as usize))?;
        let needed = match page[0] {
            LEAF if !with_values => {
                Leaf::new(&page, self.tree.key_bytes).map_or(0, |leaf| leaf.keys_end())
            }
            _ => length,
        };
        if needed > length {
            return Err(torn());
        }
        if needed > page.len() {
            page = self.trees.read(offset, needed)?;
        }
        if length == PAGE_BYTES as usize && kept().len() < MOST_KEPT {
            kept().insert(at.page, page.clone());
        }
        Ok(page)
    }

    /// The leaf in `page`. Chunks have checksums of their own: what is damaged of a page with
    /// several of them costs one, and none is hashed twice.
    fn leaf<'p>(&self, page: &'p [u8], at: Root) -> Result<Leaf<'p>, SegmentError> {
        let leaf = Leaf::new(page, self.tree.key_bytes).ok_or_else(torn)?;
        if self.tree.key_bytes != CHUNK_KEY_BYTES {
            leaf.verify(at.checksum).ok_or_else(torn)?;
        }
        Ok(leaf)
    }

    fn ascend(
        &mut self,
        at: Root,
        depth: usize,
        from: Key,
        with_values: bool,
        each: &mut Each<'_>,
    ) -> Result<ControlFlow<()>, SegmentError> {
        let page = self.page(at, with_values)?;
        match page[0] {
            LEAF => {
                let leaf = self.leaf(&page, at)?;
                for entry in leaf.position(from).ok_or_else(torn)?..leaf.count {
                    let value = if with_values { leaf.value(entry) } else { Some(&[][..]) };
                    let (key, value) = leaf.key(entry).zip(value).ok_or_else(torn)?;
                    if each(key, value)?.is_break() {
                        return Ok(ControlFlow::Break(()));
                    }
                }
            }
            BRANCH if depth > 0 => {
                let branch = Branch::new(&page, self.tree.key_bytes, at.checksum);
                let branch = branch.ok_or_else(torn)?;
                for child in branch.position(from).ok_or_else(torn)?..=branch.keys {
                    let child = branch.child(child).ok_or_else(torn)?;
                    if self.ascend(child, depth - 1, from, with_values, each)?.is_break() {
                        return Ok(ControlFlow::Break(()));
                    }
                }
            }
            _ => return Err(torn()),
        }
        Ok(ControlFlow::Continue(()))
    }

    fn descend(
        &mut self,
        at: Root,
        depth: usize,
        bound: Key,
    ) -> Result<Option<(Key, Vec<u8>)>, SegmentError> {
        let page = self.page(at, true)?;
        match page[0] {
            LEAF => {
                let leaf = self.leaf(&page, at)?;
                let Some(entry) = leaf.position(bound).ok_or_else(torn)?.checked_sub(1) else {
                    return Ok(None);
                };
                let (key, value) = leaf.key(entry).zip(leaf.value(entry)).ok_or_else(torn)?;
                Ok(Some((key, value.to_vec())))
            }
            BRANCH if depth > 0 => {
                let branch = Branch::new(&page, self.tree.key_bytes, at.checksum);
                let branch = branch.ok_or_else(torn)?;
                for child in (0..=branch.position(bound).ok_or_else(torn)?).rev() {
                    let child = branch.child(child).ok_or_else(torn)?;
                    if let Some(found) = self.descend(child, depth - 1, bound)? {
                        return Ok(Some(found));
                    }
                }
                Ok(None)
            }
            _ => Err(torn()),
        }
    }
}
