//! Reads the trees of a segment's file without redb, which takes every page on trust: it asks for
//! memory by what a page number says, 4 GiB for one flipped bit, and panics over what does not hold
//! together. Here nothing of the file is believed before it is checked: a page lies inside the file
//! and is no larger than any that is written, its checksum is that which its parent has, keys only
//! grow and are those that belong below the branch, and no walk reads more pages than the file has.
//!
//! The layout is that of redb's file format 3 and 4 (`docs/format.md` has what is used of it). A
//! commit is two-phase: the slot that the header names is durable as a whole, so a file whose
//! writer died needs no repair to be read.

mod header;
mod offset;
mod page;
#[cfg(test)]
mod tests;
mod walk;

pub use header::roots_are_small;
pub use page::Key;

use super::SegmentError;
use crate::narrow;
use header::read_header;
use offset::{header as at, slot};
use page::{CHUNK_KEY_BYTES, INDEX_KEY_BYTES, Root, Tree, root_at, tables_of, tree_of, word};
use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::ops::ControlFlow;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex};
use walk::{Walk, Within};

const PAGE_BYTES: u64 = 4096;
const MAGIC: [u8; 9] = [b'r', b'e', b'd', b'b', 0x1a, 0x0a, 0xa9, 0x0d, 0x0a];
/// The largest page that is read is 2^13 × 4,096 bytes, 32 MiB: pieces of blocks are a few MiB.
const MOST_ORDER: u64 = 13;
/// Branches hold a hundred children and more: a tree of this depth would not fit on any disk.
const MOST_DEPTH: usize = 12;
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

fn damaged(what: &str) -> SegmentError {
    SegmentError::Database(what.to_owned())
}

fn torn() -> SegmentError {
    damaged("its trees are damaged")
}

impl Trees {
    /// The trees as the newest commit in `file` has them. A page that is larger than
    /// `most_page_bytes` is taken for damage.
    ///
    /// # Errors
    /// When the file is no segment, is damaged, or cannot be read.
    pub fn open(file: Arc<File>, most_page_bytes: u64) -> Result<Trees, SegmentError> {
        let file_bytes = file.metadata()?.len();
        if file_bytes < at::BYTES as u64 {
            return Err(damaged("the file is cut short"));
        }
        let (header, slot) = read_header(&file)?;
        let word = |at| u64::from(word(&header, at).unwrap_or(0));
        let (header_pages, data_pages) =
            (word(at::REGION_HEADER_PAGES), word(at::REGION_DATA_PAGES));
        let is_sane = header[..MAGIC.len()] == MAGIC
            && word(at::PAGE_BYTES) == PAGE_BYTES
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
        if slot[slot::HAS_ROOT] != 0 {
            trees.take_tables(root_at(slot, slot::ROOT).ok_or_else(torn)?)?;
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
            true => Ok((offset, narrow::index(length))),
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
        let whole = (MOST_DEPTH, Within::default());
        let flow = walk.ascend(tree.root, whole, from, with_values, &mut |key, value| {
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
        Walk::new(self, tree).descend(tree.root, (MOST_DEPTH, Within::default()), bound)
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
