//! Numbers byte strings in the order in which they are first seen, without allocating once it has
//! grown to its working size.

use crate::memory::{clear_and_shrink, is_kept};
use crate::narrow::{count32, index};
use xxhash_rust::xxh3::xxh3_64;

/// A set of distinct byte strings, each with a number from 0.
#[derive(Default, Clone)]
pub struct Interner {
    bytes: Vec<u8>,
    ends: Vec<u32>,
    /// Open addressing, power of two; `number + 1`, 0 is free.
    slots: Vec<u32>,
    /// Numbers of what is kept elsewhere, ascending.
    elsewhere: Vec<u32>,
}

impl Interner {
    /// The number of `text`, given out now if it is new.
    pub fn intern(&mut self, text: &[u8]) -> u32 {
        if (self.ends.len() + 1) * 2 > self.slots.len() {
            self.grow();
        }
        let mut slot = self.slot_of(text);
        loop {
            match self.slots[slot] {
                0 => break,
                taken if self.get(taken - 1) == text => return taken - 1,
                _ => slot = (slot + 1) & (self.slots.len() - 1),
            }
        }
        let number = count32(self.ends.len());
        self.bytes.extend_from_slice(text);
        self.ends.push(count32(self.bytes.len()));
        self.slots[slot] = number + 1;
        number
    }

    /// A number for what is kept elsewhere: its string is empty, and no text has it.
    pub fn number_elsewhere(&mut self) -> u32 {
        let number = count32(self.ends.len());
        self.ends.push(count32(self.bytes.len()));
        self.elsewhere.push(number);
        number
    }

    /// The string of a number that [`Interner::intern`] gave out; empty for any other.
    pub fn get(&self, number: u32) -> &[u8] {
        slice_of(&self.ends, &self.bytes, number as usize)
    }

    /// The string whose number a column has as `word`; empty where there is none.
    #[inline]
    pub fn at_word(&self, word: u64) -> &[u8] {
        slice_of(&self.ends, &self.bytes, index(word))
    }

    /// How many strings there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Bytes of all strings together.
    pub fn size_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// The end of each string within [`Interner::bytes`].
    pub fn ends(&self) -> &[u32] {
        &self.ends
    }

    /// All strings, one after the other.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The end of each string and the bytes of all, to be given back with
    /// [`Interner::put_parts`]: until then there is no string.
    pub fn take_parts(&mut self) -> (Vec<u32>, Vec<u8>) {
        (std::mem::take(&mut self.ends), std::mem::take(&mut self.bytes))
    }

    /// Gives back what [`Interner::take_parts`] took.
    pub fn put_parts(&mut self, (ends, bytes): (Vec<u32>, Vec<u8>)) {
        self.ends = ends;
        self.bytes = bytes;
    }

    /// Forgets every string and keeps the memory that as many will need.
    pub fn clear(&mut self) {
        if self.ends.is_empty() {
            return;
        }
        // Up to four slots a string are usual.
        let used = 4 * self.ends.len();
        if !is_kept(self.slots.len() * size_of::<u32>(), used * size_of::<u32>()) {
            self.slots = Vec::new();
        }
        clear_and_shrink(&mut self.bytes);
        clear_and_shrink(&mut self.ends);
        clear_and_shrink(&mut self.elsewhere);
        self.slots.fill(0);
    }

    fn slot_of(&self, text: &[u8]) -> usize {
        index(xxh3_64(text)) & (self.slots.len() - 1)
    }

    fn grow(&mut self) {
        let size = (self.slots.len() * 2).max(16);
        self.slots.clear();
        self.slots.resize(size, 0);
        for number in 0..count32(self.ends.len()) {
            if self.elsewhere.binary_search(&number).is_ok() {
                continue;
            }
            let mut slot = self.slot_of(self.get(number));
            while self.slots[slot] != 0 {
                slot = (slot + 1) & (size - 1);
            }
            self.slots[slot] = number + 1;
        }
    }
}

/// The `index`-th string of a table of ends; empty when there is no such string.
pub fn slice_of<'a>(ends: &[u32], bytes: &'a [u8], index: usize) -> &'a [u8] {
    let Some(&end) = ends.get(index) else { return &[] };
    let start = if index == 0 { 0 } else { ends[index - 1] };
    bytes.get(start as usize..end as usize).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::Interner;

    #[test]
    fn the_same_text_has_the_same_number_whatever_came_between() {
        let mut interner = Interner::default();
        for round in 0..3 {
            for n in 0..1000u32 {
                let text = n.to_string();
                assert_eq!(interner.intern(text.as_bytes()), n, "round {round}, text {text}");
                assert_eq!(interner.get(n), text.as_bytes());
            }
        }
        interner.clear();
        assert!(interner.is_empty());
        assert_eq!(interner.intern(b"new"), 0);
    }

    #[test]
    fn a_number_of_what_is_kept_elsewhere_is_that_of_no_text() {
        let mut interner = Interner::default();
        let first = interner.number_elsewhere();
        for n in 0..100u32 {
            interner.intern(n.to_string().as_bytes());
        }
        assert_ne!(interner.intern(b""), first, "nothing is a text too");
        assert_eq!((interner.get(first), interner.len()), (&b""[..], 102));
    }
}
