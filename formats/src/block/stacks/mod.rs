//! Stacks in the dictionary of a block: a trie of frames, in which the calls that stacks have in common
//! are there once, and tables of the frames, the functions and the modules.

mod builder;
mod dictionary;
#[cfg(test)]
mod tests;

pub use builder::StackBuilder;
pub use dictionary::StackDictionary;

/// All stacks of a block, written out, are at most this long. Few bytes can claim to be as many.
pub const MOST_STACK_BYTES: usize = 16 << 20;

/// More modules, functions, frames or nodes than any block has: the writer seals one of 4 MiB.
const MOST_ENTRIES: usize = 1 << 20;

/// A frame by the numbers of its module and function.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct FrameKey {
    module: u32,
    offset: u64,
    function: u32,
}
