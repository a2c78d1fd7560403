//! Stacks that share their outermost frames.

use nodemon_formats::narrow::count32;
use std::collections::HashMap;

/// Where every stack begins.
pub const ROOT: u32 = 0;

/// What ended in a place, or passed through it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sum {
    /// How many samples.
    pub samples: u64,
    /// What they stand for.
    pub weight: u64,
}

impl Sum {
    /// Adds another.
    pub fn add(&mut self, other: Sum) {
        self.samples = self.samples.saturating_add(other.samples);
        self.weight = self.weight.saturating_add(other.weight);
    }
}

/// A frame that was called from those before it.
#[derive(Clone, Copy, Debug)]
pub struct Node {
    /// Who called it. It has a smaller number.
    pub parent: u32,
    /// The number of the frame.
    pub frame: u32,
    /// Of the stacks that end here.
    pub own: Sum,
}

/// All stacks.
pub struct Trie {
    nodes: Vec<Node>,
    children: HashMap<(u32, u32), u32>,
}

impl Default for Trie {
    fn default() -> Trie {
        let root = Node { parent: ROOT, frame: u32::MAX, own: Sum::default() };
        Trie { nodes: vec![root], children: HashMap::new() }
    }
}

impl Trie {
    /// The nodes; the first is the root.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// Where `frame` leads from `node`, if it was there before or `may_grow` is set.
    pub fn step(&mut self, node: u32, frame: u32, may_grow: bool) -> Option<u32> {
        if let Some(next) = self.children.get(&(node, frame)) {
            return Some(*next);
        }
        may_grow.then(|| {
            let next = count32(self.nodes.len());
            self.nodes.push(Node { parent: node, frame, own: Sum::default() });
            self.children.insert((node, frame), next);
            next
        })
    }

    /// Adds what ended in a node.
    pub fn add(&mut self, node: u32, sum: Sum) {
        if let Some(node) = self.nodes.get_mut(node as usize) {
            node.own.add(sum);
        }
    }
}
