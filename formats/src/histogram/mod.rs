//! Log-linear histograms: how many values were how large, within an eighth.
//!
//! What a column of type [`ColumnType::Histogram`](crate::ColumnType::Histogram) holds, a whole
//! distribution in each cell. Histograms add up, over rows, instances and steps, and a percentile of
//! the sum is that of all values; an average of percentiles is one of nothing.
//!
//! Buckets and the cell are written down in `docs/format.md`. eBPF programs fill buckets by the same
//! formula.

mod bucket;
mod cell;
#[cfg(test)]
mod tests;

pub use bucket::{BUCKETS, bounds, bucket};
pub use cell::{HistogramError, buckets};

use bucket::middle;
use std::fmt;
use std::ops::Range;

/// How many values each bucket has.
///
/// Its memory is asked for once: adding, merging, encoding and clearing need no more.
#[derive(Clone)]
pub struct Histogram {
    counts: Box<[u64; BUCKETS]>,
    count: u64,
    /// From the lowest bucket that has a value to behind the highest; empty without values.
    used: Range<usize>,
}

impl Default for Histogram {
    fn default() -> Histogram {
        Histogram { counts: Box::new([0; BUCKETS]), count: 0, used: 0..0 }
    }
}

impl Histogram {
    /// One without values.
    pub fn new() -> Histogram {
        Histogram::default()
    }

    /// Adds a value.
    #[inline]
    pub fn add(&mut self, value: u64) {
        self.add_bucket(bucket(value), 1);
    }

    /// Adds `count` values of bucket `index`; of the last one where there is no such bucket.
    #[inline]
    pub fn add_bucket(&mut self, index: usize, count: u64) {
        if count == 0 {
            return;
        }
        let index = index.min(BUCKETS - 1);
        self.counts[index] = self.counts[index].saturating_add(count);
        self.used = match self.count {
            0 => index..index + 1,
            _ => self.used.start.min(index)..self.used.end.max(index + 1),
        };
        self.count = self.count.saturating_add(count);
    }

    /// Adds every value of another.
    pub fn merge(&mut self, other: &Histogram) {
        other.buckets().for_each(|(index, count)| self.add_bucket(index, count));
    }

    /// Adds every value of a cell.
    ///
    /// # Errors
    /// When the cell is malformed; nothing of it was added then.
    pub fn merge_cell(&mut self, cell: &[u8]) -> Result<(), HistogramError> {
        buckets(cell).try_for_each(|bucket| bucket.map(drop))?;
        buckets(cell).flatten().for_each(|(index, count)| self.add_bucket(index, count));
        Ok(())
    }

    /// Appends the cell to `out`; nothing where there are no values.
    pub fn encode(&self, out: &mut Vec<u8>) {
        cell::encode(self.buckets(), out);
    }

    /// Forgets every value, keeps the memory.
    pub fn clear(&mut self) {
        self.counts[self.used.clone()].fill(0);
        self.count = 0;
        self.used = 0..0;
    }

    /// The buckets that have values and how many, from the lowest.
    pub fn buckets(&self) -> impl Iterator<Item = (usize, u64)> + '_ {
        let used = self.used.clone().zip(&self.counts[self.used.clone()]);
        used.filter(|(_, count)| **count > 0).map(|(index, count)| (index, *count))
    }

    /// How many values there are.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// What the smallest value is at least.
    pub fn min(&self) -> Option<u64> {
        (!self.is_empty()).then(|| *bounds(self.used.start).start())
    }

    /// What the largest value is at most.
    pub fn max(&self) -> Option<u64> {
        (!self.is_empty()).then(|| *bounds(self.used.end - 1).end())
    }

    /// The sum of the values, each taken for the middle of its bucket.
    pub fn sum(&self) -> f64 {
        self.buckets().map(|(index, count)| middle(index) * count as f64).sum()
    }

    /// The mean of the values, each taken for the middle of its bucket.
    pub fn mean(&self) -> Option<f64> {
        (!self.is_empty()).then(|| self.sum() / self.count as f64)
    }

    /// The smallest value that at least `percent` percent of the values do not exceed, taken for
    /// the middle of its bucket: within an eighth of it, and between [`Histogram::min`] and
    /// [`Histogram::max`].
    pub fn percentile(&self, percent: f64) -> Option<f64> {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "at least 1; more than there are, or no number, finds nothing or the first"
        )]
        let rank = (percent / 100.0 * self.count as f64).ceil().max(1.0) as u64;
        let mut below = 0u64;
        let found = self.buckets().find(|(_, count)| {
            below = below.saturating_add(*count);
            below >= rank
        });
        let last = self.used.end.checked_sub(1)?;
        Some(middle(found.map_or(last, |(index, _)| index)))
    }
}

/// Equal where every bucket has as many values.
impl PartialEq for Histogram {
    fn eq(&self, other: &Histogram) -> bool {
        self.buckets().eq(other.buckets())
    }
}

impl fmt::Debug for Histogram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bounds = self.buckets().map(|(index, count)| (bounds(index), count));
        f.debug_map().entries(bounds).finish()
    }
}
