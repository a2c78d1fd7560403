//! What becomes of the values of one column of one instance in one step.

use super::growth::Growth;
use super::sketch::Sketch;
use crate::question::Aggregate;
use crate::rows::as_f64;
use nodemon_formats::narrow::whole;
use nodemon_formats::reader::ColumnRollup;
use nodemon_formats::{ColumnType, Histogram};

/// The values of a step. Words are typed by the column, of rates as `f64`.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Values there were, whether they have a rate or not.
    pub count: u64,
    /// Values that the four below are made from.
    ordered: u64,
    first: u64,
    last: u64,
    min: u64,
    max: u64,
    sum: f64,
    growth: Growth,
    sketch: Option<Box<Sketch>>,
    /// Of a column of histograms, all of them together.
    histogram: Option<Box<Histogram>>,
}

impl Tally {
    /// One value, or one rate.
    #[inline]
    pub fn push(&mut self, kind: ColumnType, word: u64, in_sketch: bool) {
        let value = as_f64(kind, word);
        self.order(
            kind,
            ColumnRollup { count: 1, first: word, last: word, min: word, max: word, sum: value },
        );
        if in_sketch {
            self.sketch.get_or_insert_default().add(value);
        }
    }

    /// A value that is the same `count` times.
    pub fn push_constant(&mut self, kind: ColumnType, word: u64, count: u64, in_sketch: bool) {
        let sum = as_f64(kind, word) * count as f64;
        self.order(
            kind,
            ColumnRollup { count, first: word, last: word, min: word, max: word, sum },
        );
        if in_sketch {
            let sketch = self.sketch.get_or_insert_default();
            (0..count).for_each(|_| sketch.add(as_f64(kind, word)));
        }
    }

    /// Many values.
    pub fn push_each(&mut self, kind: ColumnType, words: &[u64], in_sketch: bool) {
        let (Some(&first), Some(&last)) = (words.first(), words.last()) else { return };
        let (min, max, sum) = extremes(kind, words);
        self.order(kind, ColumnRollup { count: words.len() as u64, first, last, min, max, sum });
        if in_sketch {
            let sketch = self.sketch.get_or_insert_default();
            words.iter().for_each(|word| sketch.add(as_f64(kind, *word)));
        }
    }

    /// Values that are known by their rollup only; or what [`Tally::push_each`] found out.
    pub fn order(&mut self, kind: ColumnType, rollup: ColumnRollup) {
        if rollup.count == 0 {
            return;
        }
        if self.ordered == 0 {
            (self.first, self.min, self.max) = (rollup.first, rollup.min, rollup.max);
        } else {
            self.min = smaller(kind, self.min, rollup.min);
            self.max = larger(kind, self.max, rollup.max);
        }
        self.ordered += rollup.count;
        self.last = rollup.last;
        self.sum += rollup.sum;
    }

    /// The mean of a rollup, the best that percentiles can have of it; the last value where there
    /// is no mean.
    pub fn sketch(&mut self, kind: ColumnType, rollup: ColumnRollup) {
        let mean = rollup.sum / rollup.count as f64;
        let value = if mean.is_nan() { as_f64(kind, rollup.last) } else { mean };
        self.sketch.get_or_insert_default().add(value);
    }

    /// A histogram, as its cell.
    pub fn merge(&mut self, cell: &[u8]) {
        // What is malformed is left out where blocks are decoded, and told there.
        let _ = self.histogram.get_or_insert_default().merge_cell(cell);
    }

    /// A counter grew.
    #[inline]
    pub fn grow(&mut self, growth: Growth) {
        self.growth.by += growth.by;
        self.growth.ns += growth.ns;
    }

    /// The word of an aggregate of values as they are; where it makes sense.
    pub fn of_values(&mut self, kind: ColumnType, aggregate: Aggregate) -> Option<u64> {
        match aggregate {
            Aggregate::Count => return Some(self.count),
            _ if self.ordered == 0 => return None,
            _ => {}
        }
        match aggregate {
            Aggregate::Avg => Some((self.sum / self.ordered as f64).to_bits()),
            Aggregate::Sum => Some(self.sum.to_bits()),
            _ => self.of_order(aggregate),
        }
        .filter(|_| !kind.is_dictionary() || aggregate.fits_states())
    }

    /// The word of an aggregate of the rates of a counter of type `kind`.
    pub fn of_rates(&mut self, kind: ColumnType, aggregate: Aggregate) -> Option<u64> {
        match aggregate {
            Aggregate::Count => Some(self.count),
            Aggregate::Avg | Aggregate::Sum if self.growth.ns == 0 => None,
            Aggregate::Avg => Some(self.growth.per_s().to_bits()),
            Aggregate::Sum => Some(match kind {
                ColumnType::F64 => self.growth.by.to_bits(),
                _ => whole(self.growth.by),
            }),
            _ if self.ordered == 0 => None,
            _ => self.of_order(aggregate),
        }
    }

    /// The word of an aggregate of all values that histograms had.
    pub fn of_histograms(&self, aggregate: Aggregate) -> Option<u64> {
        let Some(all) = &self.histogram else {
            return (aggregate == Aggregate::Count).then_some(0);
        };
        match aggregate {
            Aggregate::Count => Some(all.count()),
            Aggregate::Min => all.min(),
            Aggregate::Max => all.max(),
            Aggregate::Avg => all.mean().map(f64::to_bits),
            Aggregate::Sum => (!all.is_empty()).then(|| all.sum().to_bits()),
            Aggregate::Percentile(percent) => all.percentile(percent).map(f64::to_bits),
            Aggregate::First | Aggregate::Last => None,
        }
    }

    fn of_order(&mut self, aggregate: Aggregate) -> Option<u64> {
        match aggregate {
            Aggregate::Min => Some(self.min),
            Aggregate::Max => Some(self.max),
            Aggregate::First => Some(self.first),
            Aggregate::Last => Some(self.last),
            Aggregate::Percentile(percent) => {
                Some(self.sketch.as_mut()?.percentile(percent)?.to_bits())
            }
            Aggregate::Count | Aggregate::Avg | Aggregate::Sum => None,
        }
    }
}

fn smaller(kind: ColumnType, a: u64, b: u64) -> u64 {
    match kind {
        ColumnType::F64 => f64::from_bits(a).min(f64::from_bits(b)).to_bits(),
        ColumnType::I64 => a.cast_signed().min(b.cast_signed()).cast_unsigned(),
        _ => a.min(b),
    }
}

fn larger(kind: ColumnType, a: u64, b: u64) -> u64 {
    match kind {
        ColumnType::F64 => f64::from_bits(a).max(f64::from_bits(b)).to_bits(),
        ColumnType::I64 => a.cast_signed().max(b.cast_signed()).cast_unsigned(),
        _ => a.max(b),
    }
}

/// Smallest and largest word and the sum of some words. Sums of integers are exact as long as they
/// stay below 2^53, whatever they are split into.
fn extremes(kind: ColumnType, words: &[u64]) -> (u64, u64, f64) {
    let start = words.first().copied().unwrap_or(0);
    match kind {
        ColumnType::F64 => words.iter().fold((start, start, 0.0), |(min, max, sum), word| {
            (smaller(kind, min, *word), larger(kind, max, *word), sum + f64::from_bits(*word))
        }),
        ColumnType::I64 => {
            let values = words.iter().map(|word| word.cast_signed());
            let min = values.clone().min().unwrap_or(0);
            let max = values.clone().max().unwrap_or(0);
            let sum: i128 = values.map(i128::from).sum();
            (min.cast_unsigned(), max.cast_unsigned(), sum as f64)
        }
        // Two passes over words that stay in the first cache: the sum of halves takes no carry, and
        // so the processor adds several at a time.
        _ => {
            let order = |(min, max): (u64, u64), word: &u64| (min.min(*word), max.max(*word));
            let (min, max) = words.iter().fold((start, start), order);
            let halves =
                |(low, high): (u64, u64), word: &u64| (low + (word & LOW), high + (word >> 32));
            let (low, high) = words.iter().fold((0, 0), halves);
            (min, max, ((u128::from(high) << 32) + u128::from(low)) as f64)
        }
    }
}

const LOW: u64 = 0xffff_ffff;
