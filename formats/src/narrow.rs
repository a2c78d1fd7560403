//! Numbers in fewer bits, and of other kinds: where it is known that they fit, or what becomes of
//! those that do not.

use std::time::Duration;

/// Whatever is built for has addresses of 64 bits: [`index`] relies on it.
const _: () = assert!(usize::BITS == 64);

/// How many there are of something, or the number of one of them, in the 32 bits that the layout has
/// for it. What is counted so lies in memory and is bounded far below 2^32. Beyond that it would stay
/// at the most there can be: a number that begins again at 0 would be believed.
#[inline]
pub fn count32(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// The same of a count that has 64 bits.
#[inline]
pub fn count32_of(count: u64) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// A number of 64 bits as a place in memory or a length.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "an address has 64 bits, as asserted above")]
pub fn index(number: u64) -> usize {
    number as usize
}

/// Nanoseconds of a time, of which there are enough for 584 years.
#[inline]
pub fn duration_ns(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// A number without its fraction: 0 where it is negative or none, at most the greatest there is.
#[inline]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the language has it so"
)]
pub fn whole(number: f64) -> u64 {
    number as u64
}

/// The lowest byte.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "the other bits are not asked for")]
pub fn low_byte(word: u64) -> u8 {
    word as u8
}

/// The lower half.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "the upper half is not asked for")]
pub fn low_half(word: u64) -> u32 {
    word as u32
}
