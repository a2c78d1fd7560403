//! Which values share a bucket.

use crate::narrow::index;
use std::ops::RangeInclusive;

/// How many buckets there are.
pub const BUCKETS: usize = 496;

/// Buckets between a power of two and the next, as a power of two.
const STEPS_LOG2: u32 = 3;

/// Values below this have a bucket each.
const EXACT: u64 = 1 << STEPS_LOG2;

/// The bucket of a value: the value itself below 8, and above that the exponent and the three bits
/// behind the highest.
#[inline]
pub fn bucket(value: u64) -> usize {
    if value < EXACT {
        return index(value);
    }
    let exponent = value.ilog2();
    let step = (value >> (exponent - STEPS_LOG2)) & (EXACT - 1);
    index(u64::from((exponent - STEPS_LOG2 + 1) << STEPS_LOG2) | step)
}

/// The values that bucket `index` has; those of the last one where there is no such bucket.
#[inline]
pub fn bounds(index: usize) -> RangeInclusive<u64> {
    let index = index.min(BUCKETS - 1) as u64;
    if index < EXACT {
        return index..=index;
    }
    let shift = (index >> STEPS_LOG2) - 1;
    let lowest = (EXACT | (index & (EXACT - 1))) << shift;
    // The end of the last bucket is the largest number there is: the sum stays below the next.
    lowest..=lowest + ((1 << shift) - 1)
}

/// The middle of a bucket.
pub(super) fn middle(index: usize) -> f64 {
    let (lowest, highest) = bounds(index).into_inner();
    lowest as f64 + (highest - lowest) as f64 / 2.0
}
