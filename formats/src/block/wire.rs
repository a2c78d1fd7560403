//! Integers as bytes: variable-length ones, and arrays split into planes.

use super::BlockError;
use crate::narrow::low_byte;
pub use crate::varint::put_varint;

/// `|v|` small stays small: 0, -1, 1, -2 become 0, 1, 2, 3.
#[inline]
pub fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)).cast_unsigned()
}

/// The inverse of [`zigzag`].
#[inline]
pub fn unzigzag(value: u64) -> i64 {
    ((value >> 1) ^ (value & 1).wrapping_neg()).cast_signed()
}

/// The integer whose bytes, up to its last, are the lowest of `bytes`, the rest zero. Sevens of bits
/// move together in pairs, pairs of pairs and halves, without a branch on their number.
#[inline]
fn of_eight(bytes: u64) -> u64 {
    let sevens = bytes & 0x7f7f_7f7f_7f7f_7f7f;
    let pairs = (sevens & 0x007f_007f_007f_007f) | (sevens & 0x7f00_7f00_7f00_7f00) >> 1;
    let fours = (pairs & 0x0000_3fff_0000_3fff) | (pairs & 0x3fff_0000_3fff_0000) >> 2;
    (fours & 0x0fff_ffff) | (fours & 0x0fff_ffff_0000_0000) >> 4
}

/// Appends `values` as eight planes: the lowest byte of each, then the next byte of each, ...
pub fn put_planes(out: &mut Vec<u8>, values: &[u64]) {
    for plane in 0..8 {
        out.extend(values.iter().map(|value| low_byte(value >> (8 * plane))));
    }
}

/// Reads what the functions above wrote.
pub struct Wire<'a> {
    bytes: &'a [u8],
    what: &'static str,
}

impl<'a> Wire<'a> {
    /// Reads from `bytes`, which are the `what` of a block.
    pub fn new(bytes: &'a [u8], what: &'static str) -> Wire<'a> {
        Wire { bytes, what }
    }

    /// The next `count` bytes.
    pub fn take(&mut self, count: usize) -> Result<&'a [u8], BlockError> {
        let (taken, rest) =
            self.bytes.split_at_checked(count).ok_or(BlockError::Layout(self.what))?;
        self.bytes = rest;
        Ok(taken)
    }

    /// The next variable-length integer.
    #[inline]
    pub fn varint(&mut self) -> Result<u64, BlockError> {
        if let Some(eight) = self.bytes.first_chunk() {
            let eight = u64::from_le_bytes(*eight);
            let ends = !eight & 0x8080_8080_8080_8080;
            if ends != 0 {
                self.bytes = &self.bytes[ends.trailing_zeros() as usize / 8 + 1..];
                return Ok(of_eight(eight & (ends ^ (ends - 1))));
            }
        }
        let mut value = 0u64;
        for (at, &byte) in self.bytes.iter().enumerate().take(10) {
            value |= u64::from(byte & 0x7f) << (7 * at);
            if byte < 0x80 {
                self.bytes = &self.bytes[at + 1..];
                return Ok(value);
            }
        }
        Err(BlockError::Layout(self.what))
    }

    /// The next variable-length integer, which counts things that are at most `most`.
    pub fn count(&mut self, most: usize) -> Result<usize, BlockError> {
        match usize::try_from(self.varint()?) {
            Ok(count) if count <= most => Ok(count),
            _ => Err(BlockError::Layout(self.what)),
        }
    }

    /// The next variable-length integer, which counts things that have a byte each behind it at least.
    pub fn count_of_bytes(&mut self) -> Result<usize, BlockError> {
        let most = self.bytes.len();
        self.count(most)
    }

    /// The next `count` integers out of planes.
    pub fn planes(&mut self, count: usize) -> Result<Vec<u64>, BlockError> {
        if count > self.bytes.len() / 8 {
            return Err(BlockError::Layout(self.what));
        }
        let mut values = vec![0u64; count];
        for plane in 0..8 {
            for (value, &byte) in values.iter_mut().zip(self.take(count)?) {
                *value |= u64::from(byte) << (8 * plane);
            }
        }
        Ok(values)
    }

    /// Whether everything was read.
    pub fn end(&self) -> Result<(), BlockError> {
        if self.bytes.is_empty() { Ok(()) } else { Err(BlockError::Layout(self.what)) }
    }
}

#[cfg(test)]
mod tests {
    use super::{Wire, put_varint};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn varints_of_every_length_come_back_wherever_the_bytes_end(
            values in prop::collection::vec((any::<u64>(), 0u32..64), 1..20),
        ) {
            let values: Vec<u64> = values.iter().map(|(value, by)| value >> by).collect();
            let mut bytes = Vec::new();
            values.iter().for_each(|value| put_varint(&mut bytes, *value));
            let mut wire = Wire::new(&bytes, "test");
            for value in values {
                prop_assert_eq!(wire.varint().ok(), Some(value));
            }
            prop_assert!(wire.end().is_ok());
            let cut = &bytes[..bytes.len() - 1];
            let mut wire = Wire::new(cut, "test");
            while wire.end().is_err() && wire.varint().is_ok() {}
            prop_assert_eq!(wire.end().is_ok(), cut.last().is_none_or(|last| *last < 0x80));
        }
    }
}
