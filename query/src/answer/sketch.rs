//! Percentiles of many values in little memory.
//!
//! A crate such as `sketches-ddsketch` would take the place of [`bucket`] and [`middle`] only: steps
//! have few values as a rule, of which percentiles shall be exact, and what it bounds, the number of
//! buckets by collapsing the lowest, would cost the bound of 1 % where values span many magnitudes.

use nodemon_formats::narrow::whole;
use std::collections::BTreeMap;

/// Up to this many values percentiles are exact.
pub const EXACT: usize = 1024;

/// The distribution of some values. Percentiles are exact for up to [`EXACT`] of them; for more they
/// are off by at most 1 % of the value.
///
/// Beyond that buckets are the float's own: the exponent and the first six bits of the mantissa,
/// 64 buckets between a power of two and the next, each at most 1/64 wide, told by its middle.
/// Memory is one word for each bucket that is not empty.
#[derive(Clone, Debug, Default)]
pub struct Sketch {
    exact: Vec<f64>,
    buckets: BTreeMap<i64, u64>,
    count: u64,
    min: f64,
    max: f64,
}

impl Sketch {
    /// Takes a value in. NaN has no place in an order and is left out.
    pub fn add(&mut self, value: f64) {
        if value.is_nan() {
            return;
        }
        if self.count == 0 {
            (self.min, self.max) = (value, value);
        }
        self.min = self.min.min(value);
        self.max = self.max.max(value);
        self.count += 1;
        if !self.buckets.is_empty() {
            *self.buckets.entry(bucket(value)).or_default() += 1;
            return;
        }
        self.exact.push(value);
        if self.exact.len() > EXACT {
            for value in std::mem::take(&mut self.exact) {
                *self.buckets.entry(bucket(value)).or_default() += 1;
            }
        }
    }

    /// The smallest value that at least `percent` percent of the values do not exceed.
    pub fn percentile(&mut self, percent: f64) -> Option<f64> {
        let rank = whole((percent / 100.0 * self.count as f64).ceil().max(1.0));
        if self.buckets.is_empty() {
            let last = self.exact.len().checked_sub(1)?;
            let index = usize::try_from(rank - 1).map_or(last, |index| index.min(last));
            return Some(*self.exact.select_nth_unstable_by(index, f64::total_cmp).1);
        }
        let mut below = 0;
        let found = self.buckets.iter().find(|(_, count)| {
            below += **count;
            below >= rank
        });
        let middle = found.map_or(self.max, |(bucket, _)| middle(*bucket));
        Some(middle.clamp(self.min, self.max))
    }
}

/// Mantissa bits that are left out of a bucket's number.
const SHIFT: u32 = 52 - 6;

/// The bucket of a value; larger values have larger buckets.
fn bucket(value: f64) -> i64 {
    let magnitude = (value.abs().to_bits() >> SHIFT).cast_signed();
    if value < 0.0 { -magnitude - 1 } else { magnitude }
}

/// The middle of a bucket.
fn middle(bucket: i64) -> f64 {
    let magnitude = if bucket < 0 { -(bucket + 1) } else { bucket };
    let low = f64::from_bits(magnitude.cast_unsigned() << SHIFT);
    let high = f64::from_bits((magnitude + 1).cast_unsigned() << SHIFT);
    let middle = if low == 0.0 || !high.is_finite() { low } else { low + (high - low) / 2.0 };
    if bucket < 0 { -middle } else { middle }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::{EXACT, Sketch};
    use proptest::prelude::*;

    fn nearest_rank(values: &[f64], percent: f64) -> f64 {
        let mut sorted = values.to_vec();
        sorted.sort_unstable_by(f64::total_cmp);
        sorted[((percent / 100.0 * sorted.len() as f64).ceil() as usize).max(1) - 1]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn few_values_have_exact_percentiles_and_many_are_within_one_percent(
            seed in prop::collection::vec(prop_oneof![
                -1e12..1e12f64, 0.0..1.0f64, Just(0.0), (0u64..1 << 60).prop_map(|v| v as f64),
            ], 1..200),
            repeat in 1..20usize,
            percent in 0.0..100.0f64,
        ) {
            let values: Vec<f64> =
                (0..repeat).flat_map(|n| seed.iter().map(move |v| v * (1.0 + n as f64 / 7.0))).collect();
            let mut sketch = Sketch::default();
            values.iter().for_each(|value| sketch.add(*value));
            let (truth, told) = (nearest_rank(&values, percent), sketch.percentile(percent).unwrap());
            let off = if values.len() <= EXACT { 0.0 } else { truth.abs() * 0.01 };
            prop_assert!((told - truth).abs() <= off, "p{percent} is {truth}, told {told}");
        }
    }

    #[test]
    fn a_million_values_take_little_memory() {
        let mut sketch = Sketch::default();
        for n in 0..1_000_000u64 {
            sketch.add((n * n) as f64);
        }
        assert!(sketch.buckets.len() < 3000, "{} buckets", sketch.buckets.len());
        assert_eq!(sketch.percentile(100.0), Some(999_999.0 * 999_999.0));
        sketch.add(f64::NAN);
        assert_eq!(sketch.count, 1_000_000, "NaN has no place in an order");
        assert_eq!(Sketch::default().percentile(50.0), None);
    }
}
