//! What is asked of a scan, and what comes out of it.

use super::{Chunk, ColumnRollup, ReadError, Strings};
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
    /// Whether growth over the span is to be whole: where a tier hands over to rows inside one of
    /// its steps, the tier answers for the whole step, though some of its rows are left.
    pub whole_steps: bool,
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
    /// A block that lies inside one step, without its rows; or one step of a tier, where only that
    /// is left or wanted. Such a summary has one time, and its first value is its last.
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
    /// Set where this is a step of a tier.
    pub tier: Option<TierStep>,
}

/// What a step of a tier knows of its counters beside their last values: by
/// [`crate::growth`] what they grew by since the last sample of the step before.
#[derive(Clone, Debug, Default)]
pub struct TierStep {
    /// For each instance; empty where the tier was written before it knew.
    pub instances: Vec<InstanceStep>,
    /// What each column grew by, in the order of [`Summary::columns`] and typed by the column.
    pub grown: Vec<Option<u64>>,
    /// The first value of each column in the step.
    pub first: Vec<Option<u64>>,
}

/// An instance in a step of a tier.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InstanceStep {
    /// Whether it was in any sample of the step; if not, the rest means nothing.
    pub is_in_step: bool,
    /// The time over which its counters grew, ns.
    pub grown_ns: u64,
    /// Set where the tier did not know what was before: then [`TierStep::first`] is there, this is
    /// when it was sampled, and the growth is that since.
    pub first_ns: Option<u64>,
    /// When the same recorder sampled the table before that, if it did: it left this instance out.
    pub before_ns: Option<u64>,
    /// Whether it was there at the last sample of the step.
    pub is_there: bool,
}
