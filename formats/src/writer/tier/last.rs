//! Last values of a step, those of all instances in one piece of memory: of a thousand processes it
//! is large enough to go back to the kernel when the step has ended.

use crate::interner::Interner;
use crate::memory::clear_or_give_back;
use crate::narrow::low_half;

/// What the strings of a step may have for their memory to be kept, bytes.
const KEPT_BYTES: usize = 64 << 10;

/// The last values of the columns of each instance.
#[derive(Default)]
pub struct LastValues {
    words: Vec<u64>,
    are_there: Vec<bool>,
    /// The strings among them: of a thousand processes most have the same.
    strings: Interner,
}

impl LastValues {
    /// Room for another instance with so many columns, all absent.
    pub fn add(&mut self, columns: usize) {
        let cells = self.words.len() + columns;
        self.words.resize(cells, 0);
        self.are_there.resize(cells, false);
    }

    /// Sets one, which is `None` where it is absent.
    pub fn set(&mut self, cell: usize, word: Option<u64>) {
        self.are_there[cell] = word.is_some();
        self.words[cell] = word.unwrap_or(0);
    }

    /// Sets a string.
    pub fn set_text(&mut self, cell: usize, text: &[u8]) {
        let number = self.strings.intern(text);
        self.set(cell, Some(u64::from(number)));
    }

    /// One of them; of a string what [`LastValues::text`] takes.
    pub fn get(&self, cell: usize) -> Option<u64> {
        self.are_there[cell].then(|| self.words[cell])
    }

    /// A string.
    pub fn text(&self, word: u64) -> &[u8] {
        self.strings.get(low_half(word))
    }

    /// Forgets all of them.
    pub fn clear(&mut self) {
        clear_or_give_back(&mut self.words);
        clear_or_give_back(&mut self.are_there);
        if self.strings.size_bytes() > KEPT_BYTES {
            self.strings = Interner::default();
        } else {
            self.strings.clear();
        }
    }
}
