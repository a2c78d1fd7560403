//! Reads the stacks of a block.

use super::{FrameKey, MOST_ENTRIES};
use crate::block::BlockError;
use crate::block::wire::Wire;
use crate::narrow::{count32, index};
use crate::stack::{self, Frame};

const WHAT: &str = "dictionary of stacks";

/// The stacks of a block, read back.
pub struct StackDictionary<'a> {
    /// Path and build id of each, with a tab between them.
    modules: Vec<&'a [u8]>,
    functions: Vec<&'a [u8]>,
    frames: Vec<FrameKey>,
    /// Parent and frame of each node; the root is 0 and not here.
    nodes: Vec<(u32, u32)>,
    /// The number of each string that is a stack, ascending, and its node.
    stacks: Vec<(u32, u32)>,
}

impl<'a> StackDictionary<'a> {
    /// Reads what [`StackBuilder::put`] wrote.
    ///
    /// # Errors
    /// When it does not hold together.
    pub fn take(wire: &mut Wire<'a>, strings: usize) -> Result<StackDictionary<'a>, BlockError> {
        let modules = take_strings(wire)?;
        let functions = take_strings(wire)?;
        let frames = take_frames(wire, modules.len(), functions.len())?;
        let nodes = take_nodes(wire, frames.len())?;
        let count = wire.count(strings)?;
        let mut numbers = Vec::with_capacity(count);
        let mut next = 0;
        for _ in 0..count {
            let number = next + wire.count(strings)?;
            if number >= strings {
                return Err(BlockError::Layout(WHAT));
            }
            numbers.push(count32(number));
            next = number + 1;
        }
        let ends = take_narrow(wire, count, nodes.len() + 1)?;
        let stacks = numbers.into_iter().zip(ends).collect();
        Ok(StackDictionary { modules, functions, frames, nodes, stacks })
    }

    /// The number of each string that is a stack, ascending, and its node.
    pub fn stacks(&self) -> &[(u32, u32)] {
        &self.stacks
    }

    /// Appends the stack that ends in `node`.
    ///
    /// # Errors
    /// When `out` would have more than `most_bytes`.
    pub fn put(&self, node: u32, most_bytes: usize, out: &mut Vec<u8>) -> Result<(), BlockError> {
        let mut path = Vec::new();
        let mut at = node;
        while at > 0 {
            let (parent, frame) = self.nodes[at as usize - 1];
            path.push(frame);
            at = parent;
        }
        for frame in path.iter().rev() {
            let frame = self.frames[*frame as usize];
            let module = self.modules[frame.module as usize];
            let function = self.functions[frame.function as usize];
            if out.len() + function.len() + module.len() > most_bytes {
                return Err(BlockError::Layout(WHAT));
            }
            let mut parts = module.splitn(2, |byte| *byte == b'\t');
            let mut part = || parts.next().unwrap_or_default();
            let (module, build_id) = (part(), part());
            stack::put_frame(out, &Frame { function, module, build_id, offset: frame.offset });
        }
        Ok(())
    }
}

/// How many there are of something that has a byte each at least.
fn entries(wire: &mut Wire<'_>) -> Result<usize, BlockError> {
    match wire.count_of_bytes()? {
        count if count <= MOST_ENTRIES => Ok(count),
        _ => Err(BlockError::Layout(WHAT)),
    }
}

fn take_frames(
    wire: &mut Wire<'_>,
    modules: usize,
    functions: usize,
) -> Result<Vec<FrameKey>, BlockError> {
    let count = entries(wire)?;
    let mut frames = vec![FrameKey { module: 0, offset: 0, function: 0 }; count];
    let mut module = 0;
    for frame in &mut frames {
        module += wire.count(modules.saturating_sub(module + 1))?;
        frame.module = count32(module);
    }
    let mut before = FrameKey { module: 0, offset: 0, function: 0 };
    for frame in &mut frames {
        let base = if frame.module == before.module { before.offset } else { 0 };
        frame.offset = base.wrapping_add(wire.varint()?);
        before = *frame;
    }
    let mut known = 0;
    for frame in &mut frames {
        let back = wire.count(known)?;
        frame.function = count32(known - back);
        known += usize::from(back == 0);
        if known > functions {
            return Err(BlockError::Layout(WHAT));
        }
    }
    if count > 0 && modules == 0 {
        return Err(BlockError::Layout(WHAT));
    }
    Ok(frames)
}

fn take_nodes(wire: &mut Wire<'_>, frames: usize) -> Result<Vec<(u32, u32)>, BlockError> {
    let count = entries(wire)?;
    let mut nodes = Vec::with_capacity(count);
    // The node itself and those above it, the root first.
    let mut path = vec![0u32];
    for number in 0..count {
        let pops = wire.count(path.len() - 1)?;
        path.truncate(path.len() - pops);
        nodes.push((path.last().copied().unwrap_or(0), 0));
        path.push(count32(number + 1));
    }
    for (node, frame) in nodes.iter_mut().zip(take_narrow(wire, count, frames)?) {
        node.1 = frame;
    }
    Ok(nodes)
}

fn take_strings<'a>(wire: &mut Wire<'a>) -> Result<Vec<&'a [u8]>, BlockError> {
    let count = entries(wire)?;
    let lengths: Vec<u64> = (0..count).map(|_| wire.varint()).collect::<Result<_, _>>()?;
    lengths.into_iter().map(|length| wire.take(index(length))).collect()
}

/// The same read back, each below `end`.
fn take_narrow(wire: &mut Wire<'_>, count: usize, end: usize) -> Result<Vec<u32>, BlockError> {
    let planes = wire.take(1)?[0];
    if planes > 4 {
        return Err(BlockError::Layout(WHAT));
    }
    let mut numbers = vec![0u32; count];
    for plane in 0..planes {
        for (number, byte) in numbers.iter_mut().zip(wire.take(count)?) {
            *number |= u32::from(*byte) << (8 * plane);
        }
    }
    let is_below = |number: &u32| (*number as usize) < end;
    if numbers.iter().all(is_below) { Ok(numbers) } else { Err(BlockError::Layout(WHAT)) }
}
