//! The strings of a batch, formatted once and copied from there into every row.

use crate::rows::Batch;

/// What each string of a batch looks like in a format.
#[derive(Default)]
pub struct Formatted {
    bytes: Vec<u8>,
    ends: Vec<usize>,
    longest: usize,
}

impl Formatted {
    /// Formats every string of `batch` with `format`, which appends.
    pub fn fill(&mut self, batch: &Batch, format: impl Fn(&[u8], &mut Vec<u8>)) {
        self.bytes.clear();
        self.ends.clear();
        self.longest = 0;
        for number in 0..batch.strings.len() as u32 {
            format(batch.strings.get(number), &mut self.bytes);
            let start = self.ends.last().copied().unwrap_or(0);
            self.longest = self.longest.max(self.bytes.len() - start);
            self.ends.push(self.bytes.len());
        }
    }

    /// The most bytes that one of them takes.
    pub fn longest(&self) -> usize {
        self.longest
    }

    /// What the string of that number looks like; empty when there is none.
    #[inline]
    pub fn get(&self, number: u64) -> &[u8] {
        let number = number as usize;
        let Some(&end) = self.ends.get(number) else { return &[] };
        let start = if number == 0 { 0 } else { self.ends[number - 1] };
        &self.bytes[start..end]
    }
}

/// Two digits a byte.
pub fn hexadecimal(bytes: &[u8], out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for byte in bytes {
        out.push(DIGITS[usize::from(byte >> 4)]);
        out.push(DIGITS[usize::from(byte & 15)]);
    }
}
