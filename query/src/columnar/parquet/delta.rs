//! `DELTA_BINARY_PACKED`: the differences of successive integers, less the smallest of their block,
//! in as few bits as they need.
//!
//! The `parquet` crate has this encoding too, and takes twice the time for it.

use super::pack::{LANES, pack, width_of};

/// Miniblocks in a block.
const MINIBLOCKS: usize = 4;
/// Differences in a block. The first value of all stands in the header and in no block.
const BLOCK: usize = LANES * MINIBLOCKS;

/// Encodes integers as they come, without keeping more of them than a block.
pub struct DeltaEncoder {
    first: u64,
    before: u64,
    count: usize,
    /// Values that do not fill a block yet.
    pending: Vec<u64>,
    blocks: Vec<u8>,
    deltas: Box<[[u64; LANES]; MINIBLOCKS]>,
}

impl DeltaEncoder {
    /// No value was seen yet.
    pub fn new() -> DeltaEncoder {
        DeltaEncoder {
            first: 0,
            before: 0,
            count: 0,
            pending: Vec::with_capacity(BLOCK),
            blocks: Vec::new(),
            deltas: Box::new([[0; LANES]; MINIBLOCKS]),
        }
    }

    /// Takes the next values.
    pub fn push(&mut self, mut values: &[u64]) {
        if self.count == 0
            && let Some((&first, rest)) = values.split_first()
        {
            (self.first, self.before, self.count) = (first, first, 1);
            values = rest;
        }
        self.count += values.len();
        if !self.pending.is_empty() {
            let missing = values.len().min(BLOCK - self.pending.len());
            let (fill, rest) = values.split_at(missing);
            self.pending.extend_from_slice(fill);
            values = rest;
            if self.pending.len() == BLOCK {
                self.end_pending();
            }
        }
        let (blocks, rest) = values.as_chunks::<BLOCK>();
        blocks.iter().for_each(|block| self.block(block));
        self.pending.extend_from_slice(rest);
    }

    /// Appends all values since the last call to `out`.
    pub fn flush(&mut self, out: &mut Vec<u8>) {
        if !self.pending.is_empty() {
            self.end_pending();
        }
        uleb(out, BLOCK as u64);
        uleb(out, MINIBLOCKS as u64);
        uleb(out, self.count as u64);
        uleb(out, zigzag(self.first));
        out.append(&mut self.blocks);
        (self.first, self.count) = (0, 0);
    }

    fn end_pending(&mut self) {
        let pending = std::mem::take(&mut self.pending);
        self.block(&pending);
        self.pending = pending;
        self.pending.clear();
    }

    fn block(&mut self, values: &[u64]) {
        let flat = self.deltas.as_flattened_mut();
        let mut before = self.before;
        let mut least = i64::MAX;
        for (delta, &value) in flat.iter_mut().zip(values) {
            let step = value.wrapping_sub(before).cast_signed();
            *delta = step.cast_unsigned();
            least = least.min(step);
            before = value;
        }
        self.before = before;
        let base = least.cast_unsigned();
        flat[values.len()..].fill(base);
        for delta in flat.iter_mut() {
            *delta = delta.wrapping_sub(base);
        }
        let out = &mut self.blocks;
        uleb(out, zigzag(base));

        // Miniblocks past the last value have width 0 and no body.
        let width = |lanes: &[u64; LANES]| width_of(lanes.iter().fold(0, |all, d| all | d));
        let widths = self.deltas.each_ref().map(width);
        out.extend(widths.map(|width| width as u8));
        let mut at = out.len();
        out.resize(at + widths.iter().sum::<usize>() * 8, 0);
        for (lanes, width) in self.deltas.iter().zip(widths) {
            pack(width, lanes, &mut out[at..]);
            at += width * 8;
        }
    }
}

/// Signed to unsigned, so that small numbers of either sign stay small.
fn zigzag(word: u64) -> u64 {
    (word << 1) ^ (word.cast_signed() >> 63).cast_unsigned()
}

/// Appends an integer of variable length, 7 bits a byte, the lowest first.
pub fn uleb(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}
