//! Writes the stacks of a block.

use super::{FrameKey, MOST_ENTRIES, MOST_STACK_BYTES};
use crate::block::wire::put_varint;
use crate::interner::Interner;
use crate::narrow::{count32, low_byte};
use crate::stack::{self, Frame};
use std::collections::HashMap;

/// The root of the trie, which is no frame.
const ROOT: u32 = u32::MAX;

/// Collects the stacks of a block.
#[derive(Clone, Default)]
pub struct StackBuilder {
    modules: Interner,
    functions: Interner,
    frames: Vec<FrameKey>,
    frame_numbers: HashMap<FrameKey, u32>,
    /// Parent and frame of each node.
    nodes: Vec<(u32, u32)>,
    node_numbers: HashMap<(u32, u32), u32>,
    /// The number of each string that is a stack, ascending, and its node.
    stacks: Vec<(u32, u32)>,
    /// The same by node.
    stack_numbers: HashMap<u32, u32>,
    /// Bytes of all stacks, written out.
    bytes: usize,
    scratch: Vec<u8>,
}

/// What an entry takes of a map and a list, about.
const ENTRY_BYTES: usize = 40;

impl StackBuilder {
    /// The number of a stack; a new one is given out by `number`, above all that were before. `None`
    /// where there is no room for it, or it is not written as the stacks of [`crate::stack`] are: it
    /// stays a string.
    pub fn intern(&mut self, cell: &[u8], number: impl FnOnce() -> u32) -> Option<u32> {
        self.scratch.clear();
        stack::frames(cell).for_each(|frame| stack::put_frame(&mut self.scratch, &frame));
        let is_too_much = self.bytes + cell.len() > MOST_STACK_BYTES
            || self.nodes.len() + stack::frames(cell).count() > MOST_ENTRIES;
        if self.scratch != cell || is_too_much {
            return None;
        }
        let mut node = ROOT;
        for frame in stack::frames(cell) {
            let key = self.key(&frame);
            let frame = *self.frame_numbers.entry(key).or_insert_with(|| {
                self.frames.push(key);
                count32(self.frames.len() - 1)
            });
            node = *self.node_numbers.entry((node, frame)).or_insert_with(|| {
                self.nodes.push((node, frame));
                count32(self.nodes.len() - 1)
            });
        }
        let number = *self.stack_numbers.entry(node).or_insert_with(|| {
            self.bytes += cell.len();
            let number = number();
            self.stacks.push((number, node));
            number
        });
        Some(number)
    }

    /// The cell of a stack; `None` where the number is that of none.
    pub fn get(&self, number: u32) -> Option<Vec<u8>> {
        let at = self.stacks.binary_search_by_key(&number, |(number, _)| *number).ok()?;
        let (mut path, mut node) = (Vec::new(), self.stacks[at].1);
        while node != ROOT {
            let (parent, frame) = self.nodes[node as usize];
            path.push(frame);
            node = parent;
        }
        let mut cell = Vec::new();
        for frame in path.into_iter().rev() {
            let FrameKey { module, offset, function } = self.frames[frame as usize];
            let mut parts = self.modules.get(module).splitn(2, |byte| *byte == b'\t');
            let mut part = || parts.next().unwrap_or_default();
            let (module, build_id) = (part(), part());
            let function = self.functions.get(function);
            stack::put_frame(&mut cell, &Frame { function, module, build_id, offset });
        }
        Some(cell)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.stacks.is_empty()
    }

    /// Bytes that all stacks have, written out.
    pub fn written_bytes(&self) -> usize {
        self.bytes
    }

    /// Bytes that it takes, about.
    pub fn size_bytes(&self) -> usize {
        let entries = self.frames.len() + self.nodes.len() + self.stacks.len();
        self.modules.size_bytes() + self.functions.size_bytes() + entries * ENTRY_BYTES
    }

    /// Forgets all of them, and the memory that they took.
    pub fn clear(&mut self) {
        if !self.is_empty() {
            *self = StackBuilder::default();
        }
    }

    fn key(&mut self, frame: &Frame<'_>) -> FrameKey {
        self.scratch.clear();
        self.scratch.extend_from_slice(frame.module);
        self.scratch.push(b'\t');
        self.scratch.extend_from_slice(frame.build_id);
        FrameKey {
            module: self.modules.intern(&self.scratch),
            offset: frame.offset,
            function: self.functions.intern(frame.function),
        }
    }

    /// Appends them all.
    pub fn put(&self, out: &mut Vec<u8>) {
        let frame_numbers = self.put_frames(out);
        let node_numbers = self.put_nodes(&frame_numbers, out);
        put_varint(out, self.stacks.len() as u64);
        let mut next = 0;
        for (number, _) in &self.stacks {
            put_varint(out, u64::from(number - next));
            next = number + 1;
        }
        let node_of = |node: u32| if node == ROOT { 0 } else { node_numbers[node as usize] + 1 };
        let nodes: Vec<u32> = self.stacks.iter().map(|(_, node)| node_of(*node)).collect();
        put_narrow(out, &nodes);
    }

    /// Appends modules, functions and frames, these in order of module and offset. Returns the number
    /// that each frame has there.
    fn put_frames(&self, out: &mut Vec<u8>) -> Vec<u32> {
        let mut frames: Vec<(FrameKey, u32)> = self.frames.iter().copied().zip(0..).collect();
        frames.sort_unstable();
        put_strings(out, (0..count32(self.modules.len())).map(|at| self.modules.get(at)));
        // Functions are numbered as the frames use them first.
        let mut order = Vec::new();
        let mut places: HashMap<u32, u32> = HashMap::new();
        let (mut modules, mut offsets, mut functions) = (Vec::new(), Vec::new(), Vec::new());
        let mut before = FrameKey { module: 0, offset: 0, function: 0 };
        let mut numbers = vec![0; frames.len()];
        for (at, (key, number)) in frames.iter().enumerate() {
            numbers[*number as usize] = count32(at);
            let is_same = key.module == before.module;
            put_varint(&mut modules, u64::from(key.module - before.module));
            put_varint(&mut offsets, key.offset - if is_same { before.offset } else { 0 });
            let count = count32(order.len());
            let place = *places.entry(key.function).or_insert_with(|| {
                order.push(key.function);
                count
            });
            put_varint(&mut functions, u64::from(count - place));
            before = *key;
        }
        put_strings(out, order.iter().map(|function| self.functions.get(*function)));
        put_varint(out, frames.len() as u64);
        for column in [&modules, &offsets, &functions] {
            out.extend_from_slice(column);
        }
        numbers
    }

    /// Appends the nodes, each behind its parent and what is below its elder siblings: how many levels
    /// it lies above the one that could come next, and its frame. Returns the number that each has
    /// there.
    fn put_nodes(&self, frame_numbers: &[u32], out: &mut Vec<u8>) -> Vec<u32> {
        let mut children: HashMap<u32, Vec<(u32, u32)>> = HashMap::new();
        for ((parent, frame), node) in self.nodes.iter().zip(0..) {
            let frame = frame_numbers[*frame as usize];
            children.entry(*parent).or_default().push((frame, node));
        }
        // The last is taken first.
        children.values_mut().for_each(|nodes| nodes.sort_unstable_by(|a, b| b.cmp(a)));
        let mut numbers = vec![0; self.nodes.len()];
        let (mut pops, mut frames) = (Vec::new(), Vec::with_capacity(self.nodes.len()));
        let mut waiting = children.remove(&ROOT).unwrap_or_default();
        let mut depths = vec![0u64; waiting.len()];
        let mut deepest = 0;
        while let (Some((frame, node)), Some(depth)) = (waiting.pop(), depths.pop()) {
            numbers[node as usize] = count32(frames.len());
            put_varint(&mut pops, deepest - depth);
            frames.push(frame);
            deepest = depth + 1;
            if let Some(below) = children.remove(&node) {
                depths.resize(depths.len() + below.len(), deepest);
                waiting.extend(below);
            }
        }
        put_varint(out, frames.len() as u64);
        out.extend_from_slice(&pops);
        put_narrow(out, &frames);
        numbers
    }
}

fn put_strings<'a>(out: &mut Vec<u8>, strings: impl ExactSizeIterator<Item = &'a [u8]> + Clone) {
    put_varint(out, strings.len() as u64);
    strings.clone().for_each(|string| put_varint(out, string.len() as u64));
    strings.for_each(|string| out.extend_from_slice(string));
}

/// Numbers in as few planes as the largest needs, behind how many those are.
fn put_narrow(out: &mut Vec<u8>, numbers: &[u32]) {
    let most = numbers.iter().max().copied().unwrap_or(0);
    let planes = (u32::BITS - most.leading_zeros()).div_ceil(8);
    out.push(low_byte(u64::from(planes)));
    for plane in 0..planes {
        out.extend(numbers.iter().map(|number| low_byte(u64::from(*number) >> (8 * plane))));
    }
}
