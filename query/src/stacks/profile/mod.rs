//! The stacks of a span, added up. Memory grows with how many different ones there are, up to a
//! bound, and not with the span.

mod frames;
mod tree;
mod trie;

pub use frames::{Call, Detail, Origin};
pub use tree::{Order, Tree};
pub use trie::{ROOT, Sum};

use frames::Frames;
use nodemon_formats::stack;
use trie::Trie;

/// What rows without a stack count as.
const NO_STACK: &str = "[no stack]";
/// What stands for frames that there was no room for.
const MORE: &str = "[more]";

/// How much is kept apart.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Calls of calls.
    pub nodes: usize,
    /// Bytes of names.
    pub name_bytes: usize,
    /// Calls in a stack.
    pub depth: usize,
}

impl Default for Bounds {
    fn default() -> Bounds {
        Bounds { nodes: 1 << 20, name_bytes: 256 << 20, depth: 1024 }
    }
}

/// The stacks of a span.
pub struct Profile {
    frames: Frames,
    trie: Trie,
    bounds: Bounds,
    no_stack: u32,
    more: u32,
}

impl Profile {
    /// No stacks yet, whose frames are told apart by `detail`.
    pub fn new(detail: Detail, bounds: Bounds) -> Profile {
        let mut frames = Frames::new(detail);
        let (no_stack, more) = (frames.nothing(NO_STACK), frames.nothing(MORE));
        Profile { frames, trie: Trie::default(), bounds, no_stack, more }
    }

    /// Where a stack of a group ends: the values of the group come first.
    pub fn place(&mut self, group: &[String], cell: Option<&[u8]>) -> u32 {
        let mut at = ROOT;
        for (level, value) in group.iter().enumerate() {
            let may_grow = self.has_room();
            let frame = self.frames.group(level, value, may_grow);
            let next = frame.and_then(|frame| self.trie.step(at, frame, may_grow));
            at = next.unwrap_or_else(|| self.enter(at, self.more));
        }
        let mut depth = 0;
        for frame in cell.into_iter().flat_map(stack::frames) {
            let may_grow = depth < self.bounds.depth && self.has_room();
            let number = self.frames.number(&frame, may_grow);
            let next = number.and_then(|number| self.trie.step(at, number, may_grow));
            let Some(next) = next else { return self.enter(at, self.more) };
            at = next;
            depth += 1;
        }
        if depth == 0 { self.enter(at, self.no_stack) } else { at }
    }

    /// Adds what ended in such a place.
    pub fn add(&mut self, place: u32, weight: u64) {
        self.trie.add(place, Sum { samples: 1, weight });
    }

    /// All of it.
    pub fn sum(&self) -> Sum {
        self.sum_of(|_| true)
    }

    /// What is in `[more]`.
    pub fn folded_away(&self) -> Sum {
        self.sum_of(|frame| frame == self.more)
    }

    fn sum_of(&self, is_wanted: impl Fn(u32) -> bool) -> Sum {
        let mut sum = Sum::default();
        let wanted = self.trie.nodes().iter().filter(|node| is_wanted(node.frame));
        wanted.for_each(|node| sum.add(node.own));
        sum
    }

    /// Steps into what stands for no call. There is room for it in every node.
    fn enter(&mut self, at: u32, frame: u32) -> u32 {
        self.trie.step(at, frame, true).unwrap_or(at)
    }

    fn has_room(&self) -> bool {
        self.trie.nodes().len() <= self.bounds.nodes
            && self.frames.size_bytes() < self.bounds.name_bytes
    }
}

#[cfg(test)]
mod tests;
