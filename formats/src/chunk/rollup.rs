//! What is known of a column without its rows.

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
    /// The sum of the values; NaN for states. Of a histogram there is one value, the sum of the
    /// histograms, and nothing else is known.
    pub sum: f64,
}

impl ColumnRollup {
    /// No value at all.
    pub const NOTHING: ColumnRollup =
        ColumnRollup { count: 0, first: 0, last: 0, min: 0, max: 0, sum: f64::NAN };
}
