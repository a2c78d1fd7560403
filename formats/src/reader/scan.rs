//! A scan: rows of one table over a span of time, as a stream.

use super::{Chunk, ReadError, Strings};
use crate::schema::Schema;
use crate::value::Value;
use std::sync::Arc;

/// What to scan.
#[derive(Clone, Debug, Default)]
pub struct ScanRequest {
    /// The table's name.
    pub table: String,
    /// First wall time, ns since the epoch, inclusive.
    pub from: i64,
    /// End of the span, exclusive.
    pub to: i64,
    /// The columns wanted, as indices into the row columns of the table's newest schema; `None`
    /// for all. What an older segment does not have comes back absent.
    pub columns: Option<Vec<usize>>,
    /// Set where only a value a step is wanted: blocks that lie inside one step may then come as
    /// [`ScanItem::Summary`].
    pub rollup: Option<Rollup>,
    /// Threads that decode; 0 to let the machine decide.
    pub threads: usize,
}

/// Steps `[origin + k * step, origin + (k + 1) * step)`.
#[derive(Clone, Copy, Debug)]
pub struct Rollup {
    /// Wall time at which some step begins, ns.
    pub origin: i64,
    /// Length of a step, ns.
    pub step: i64,
}

/// One item of a scan.
#[derive(Debug)]
pub enum ScanItem {
    /// Rows.
    Chunk(Chunk),
    /// A block that lies inside one step, without its rows.
    Summary(Summary),
    /// Something was damaged and left out.
    Problem(ReadError),
}

/// A block without its rows.
#[derive(Clone, Debug)]
pub struct Summary {
    /// The table.
    pub schema: Arc<Schema>,
    /// Key values of each instance.
    pub instances: Vec<Vec<Value>>,
    /// The selected columns, as in [`Chunk::selected`].
    pub selected: Vec<usize>,
    /// Wall time of the first and the last sample, ns since the epoch.
    pub times: (i64, i64),
    /// `CLOCK_BOOTTIME` of the same, ns.
    pub boot_times: (u64, u64),
    /// How many samples.
    pub rows: usize,
    /// `columns[s * instances.len() + i]`, as in [`Chunk::cells`].
    pub columns: Vec<ColumnRollup>,
    /// The dictionary of the strings.
    pub strings: Strings,
}

/// What is known of a column of one instance without its rows. Words are typed by the column.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ColumnRollup {
    /// How many values there are; without any, the rest means nothing.
    pub count: u64,
    /// The first value.
    pub first: u64,
    /// The last value.
    pub last: u64,
    /// The smallest value.
    pub min: u64,
    /// The largest value.
    pub max: u64,
    /// The sum of the values; NaN for states.
    pub sum: f64,
}

/// The running scan: an iterator.
pub struct Scan {}

impl Iterator for Scan {
    type Item = Result<ScanItem, ReadError>;
    fn next(&mut self) -> Option<Self::Item> {
        unimplemented!()
    }
}
