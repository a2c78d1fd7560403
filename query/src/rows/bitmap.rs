//! One bit a row.

/// A bit for each row: bit `r % 64` of word `r / 64`, as Arrow has it. Bits past the end are 0.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bitmap {
    words: Vec<u64>,
    len: usize,
}

impl Bitmap {
    /// `len` bits, all `value`.
    pub fn filled(len: usize, value: bool) -> Bitmap {
        let mut words = vec![if value { u64::MAX } else { 0 }; len.div_ceil(64)];
        if value
            && !len.is_multiple_of(64)
            && let Some(last) = words.last_mut()
        {
            *last = (1 << (len % 64)) - 1;
        }
        Bitmap { words, len }
    }

    /// `len` bits, each as `bit` says.
    pub fn from_fn(len: usize, bit: impl Fn(usize) -> bool) -> Bitmap {
        let mut bits = Bitmap::filled(len, false);
        for row in 0..len {
            bits.set(row, bit(row));
        }
        bits
    }

    /// How many bits there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The words that hold the bits.
    pub fn words(&self) -> &[u64] {
        &self.words
    }

    /// How many bits are 1.
    pub fn count_ones(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Bit `row`.
    #[inline]
    pub fn get(&self, row: usize) -> bool {
        self.words[row / 64] >> (row % 64) & 1 == 1
    }

    /// Makes bit `row` 1 or 0.
    #[inline]
    pub fn set(&mut self, row: usize, value: bool) {
        let mask = 1 << (row % 64);
        if value {
            self.words[row / 64] |= mask;
        } else {
            self.words[row / 64] &= !mask;
        }
    }

    /// Adds a bit at the end.
    pub fn push(&mut self, value: bool) {
        if self.len.is_multiple_of(64) {
            self.words.push(0);
        }
        self.len += 1;
        self.set(self.len - 1, value);
    }

    /// Adds `len` bits at the end, all `value`.
    pub fn extend_filled(&mut self, len: usize, value: bool) {
        self.extend(&Bitmap::filled(len, value));
    }

    /// Adds the bits of `other` at the end, a word at a time.
    pub fn extend(&mut self, other: &Bitmap) {
        let shift = self.len % 64;
        self.len += other.len;
        if shift == 0 {
            self.words.extend_from_slice(&other.words);
        } else {
            for &word in &other.words {
                if let Some(last) = self.words.last_mut() {
                    *last |= word << shift;
                }
                self.words.push(word >> (64 - shift));
            }
        }
        self.words.truncate(self.len.div_ceil(64));
    }

    /// Keeps the bits at which `keep` has a 1.
    pub fn retain(&mut self, keep: &Bitmap) {
        let mut kept = Bitmap::default();
        for row in 0..self.len {
            if keep.get(row) {
                kept.push(self.get(row));
            }
        }
        *self = kept;
    }
}

#[cfg(test)]
mod tests {
    use super::Bitmap;

    #[test]
    fn bits_past_the_end_stay_zero_however_a_bitmap_is_made() {
        for len in [0, 1, 63, 64, 65, 128, 130] {
            assert_eq!(Bitmap::filled(len, true).count_ones(), len, "{len} ones");
            assert_eq!(Bitmap::from_fn(len, |_| true), Bitmap::filled(len, true));
            let mut pushed = Bitmap::default();
            (0..len).for_each(|_| pushed.push(true));
            assert_eq!(pushed, Bitmap::filled(len, true));
            pushed.retain(&Bitmap::from_fn(len, |row| row % 2 == 0));
            assert_eq!(pushed, Bitmap::filled(len.div_ceil(2), true));
        }
    }

    #[test]
    fn extending_is_the_same_as_pushing_bit_by_bit_wherever_the_first_part_ends() {
        for first in [0, 1, 63, 64, 65, 127] {
            for second in [0, 1, 2, 63, 64, 65, 128, 200] {
                let bit = |row: usize| row * row % 7 < 3;
                let mut bits = Bitmap::from_fn(first, bit);
                bits.extend(&Bitmap::from_fn(second, |row| bit(first + row)));
                let whole = Bitmap::from_fn(first + second, bit);
                assert_eq!(bits, whole, "{first} bits and {second} more");
                bits.extend_filled(second, true);
                let filled =
                    Bitmap::from_fn(first + 2 * second, |row| row >= first + second || bit(row));
                assert_eq!(bits, filled, "{first} bits, {second} more and {second} ones");
            }
        }
    }
}
