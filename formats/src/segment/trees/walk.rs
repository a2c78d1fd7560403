//! A walk over a tree.

use super::offset::page;
use super::page::{BRANCH, Branch, CHUNK_KEY_BYTES, Key, LEAF, Leaf, Root, Tree};
use super::{PAGE_BYTES, Trees, torn};
use crate::narrow::index;
use crate::segment::SegmentError;
use std::ops::ControlFlow;
use std::sync::{Arc, PoisonError};

/// Pages of 4 KiB that are kept: branches, and leaves of the index.
const MOST_KEPT: usize = 256;

/// What a walk still may read.
pub struct Walk<'a> {
    trees: &'a Trees,
    tree: Tree,
    pages_left: u64,
}

/// The keys that belong below a page, by the branches above it.
#[derive(Clone, Copy, Default)]
pub struct Within {
    above: Option<Key>,
    up_to: Option<Key>,
}

impl Within {
    /// Those of a child of a branch, whose own are these.
    fn child(self, branch: &Branch<'_>, child: usize) -> Option<Within> {
        let above = match child.checked_sub(1) {
            Some(before) => Some(branch.key(before)?),
            None => self.above,
        };
        let up_to = if child < branch.keys { Some(branch.key(child)?) } else { self.up_to };
        Some(Within { above, up_to })
    }
}

/// What is shown the entries.
type Each<'a> = dyn FnMut(Key, &[u8]) -> Result<ControlFlow<()>, SegmentError> + 'a;

impl<'a> Walk<'a> {
    /// A walk over a tree that has not begun.
    pub fn new(trees: &'a Trees, tree: Tree) -> Walk<'a> {
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
        let mut page = self.trees.read(offset, length.min(index(PAGE_BYTES)))?;
        let needed = match page[page::KIND] {
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
        if length == index(PAGE_BYTES) && kept().len() < MOST_KEPT {
            kept().insert(at.page, page.clone());
        }
        Ok(page)
    }

    /// The leaf in `page`, which has only keys that belong there: in another's place it would look as
    /// if there were nothing. Chunks have checksums of their own: what is damaged of a page with
    /// several of them costs one, and none is hashed twice.
    fn leaf<'p>(&self, page: &'p [u8], at: Root, within: Within) -> Result<Leaf<'p>, SegmentError> {
        let leaf = Leaf::new(page, self.tree.key_bytes).ok_or_else(torn)?;
        let ends = leaf.key(0).zip(leaf.key(leaf.count - 1)).ok_or_else(torn)?;
        if within.above.is_some_and(|above| ends.0 <= above)
            || within.up_to.is_some_and(|up_to| ends.1 > up_to)
        {
            return Err(torn());
        }
        if self.tree.key_bytes != CHUNK_KEY_BYTES {
            leaf.verify(at.checksum).ok_or_else(torn)?;
        }
        Ok(leaf)
    }

    /// Shows `each` the entries whose keys are at least `from`, ascending, until it breaks.
    pub fn ascend(
        &mut self,
        at: Root,
        (depth, within): (usize, Within),
        from: Key,
        with_values: bool,
        each: &mut Each<'_>,
    ) -> Result<ControlFlow<()>, SegmentError> {
        let page = self.page(at, with_values)?;
        match page[page::KIND] {
            LEAF => {
                let leaf = self.leaf(&page, at, within)?;
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
                    let deeper = (depth - 1, within.child(&branch, child).ok_or_else(torn)?);
                    let child = branch.child(child).ok_or_else(torn)?;
                    if self.ascend(child, deeper, from, with_values, each)?.is_break() {
                        return Ok(ControlFlow::Break(()));
                    }
                }
            }
            _ => return Err(torn()),
        }
        Ok(ControlFlow::Continue(()))
    }

    /// The last entry whose key is less than `bound`.
    pub fn descend(
        &mut self,
        at: Root,
        (depth, within): (usize, Within),
        bound: Key,
    ) -> Result<Option<(Key, Vec<u8>)>, SegmentError> {
        let page = self.page(at, true)?;
        match page[page::KIND] {
            LEAF => {
                let leaf = self.leaf(&page, at, within)?;
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
                    let deeper = (depth - 1, within.child(&branch, child).ok_or_else(torn)?);
                    let child = branch.child(child).ok_or_else(torn)?;
                    if let Some(found) = self.descend(child, deeper, bound)? {
                        return Ok(Some(found));
                    }
                }
                Ok(None)
            }
            _ => Err(torn()),
        }
    }
}
