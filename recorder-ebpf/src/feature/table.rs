//! A table of a feature, and what in the object it is.

use super::column::Column;
use super::layout::Layout;

/// One table.
#[derive(Clone, Copy, Debug)]
pub struct Table {
    /// Its name: `block_latency`.
    pub name: &'static str,
    /// What it holds, in a sentence.
    pub doc: &'static str,
    /// What in the object its rows are.
    pub origin: Origin,
    /// The columns that tell instances apart, in the order in which C has them.
    pub keys: &'static [Column],
    /// The others, likewise.
    pub values: &'static [Column],
}

/// What in the object the rows of a table are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Elements of a hash map, of one value or of one on every CPU. Its key is the keys; its values
    /// are sums over all CPUs of 64 bits each.
    Counters(&'static str),
    /// The elements of an array that is mapped, in which every CPU has a stretch of so many
    /// elements; the key is the number of the element in its stretch. Its values are sums over all
    /// CPUs of 64 bits each. Elements that were never anything but zero have no row.
    DenseCounters(&'static str, u32),
    /// A hash map of counts whose key ends with the number of a bucket. Its only value is the
    /// histogram of what came since the sample before.
    Histogram(&'static str),
    /// An array that is mapped, in which every CPU has 512 counts for each of so many keys.
    DenseHistogram(&'static str, u32),
    /// What an iterator writes: structures of the keys and the values. Names the program.
    Iterator(&'static str),
    /// What is sent through a ring: a time, the keys and the values.
    Events(&'static str),
}

/// Buckets of a histogram that is an array: those there are, rounded up.
pub const HISTOGRAM_SLOTS: usize = 512;

impl Table {
    /// Whether its rows happen when they happen.
    pub fn is_of_events(&self) -> bool {
        matches!(self.origin, Origin::Events(_))
    }

    /// Whether its only value is a histogram.
    pub fn is_of_histograms(&self) -> bool {
        matches!(self.origin, Origin::Histogram(_) | Origin::DenseHistogram(..))
    }

    /// Where its columns are within what the kernel hands out.
    pub fn layout(&self) -> Layout {
        match self.origin {
            Origin::Counters(_) => Layout::apart(self.keys, self.values),
            Origin::DenseCounters(..) => Layout::apart(self.keys, self.values),
            Origin::Histogram(_) | Origin::DenseHistogram(..) => Layout::apart(self.keys, &[]),
            Origin::Iterator(_) => Layout::together(0, self.keys, self.values),
            Origin::Events(_) => Layout::together(8, self.keys, self.values),
        }
    }
}
