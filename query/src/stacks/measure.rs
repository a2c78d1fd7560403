//! What a profile is measured in.

use crate::listing::{show_count, show_many};
use nodemon_formats::schema::unit;
use nodemon_formats::units::show_size;

/// What weights are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Nanoseconds.
    Time,
    /// Bytes.
    Bytes,
    /// Events.
    Count,
}

impl Unit {
    /// The unit of a column of weights.
    pub fn from_column(name: &str, of_column: &str) -> Unit {
        match (name, of_column) {
            ("weight_ns", _) | (_, unit::NS) => Unit::Time,
            ("weight_bytes", _) | (_, unit::BYTES) => Unit::Bytes,
            _ => Unit::Count,
        }
    }

    /// As JSON has it.
    pub fn name(self) -> &'static str {
        match self {
            Unit::Time => unit::NS,
            Unit::Bytes => unit::BYTES,
            Unit::Count => unit::COUNT,
        }
    }

    /// As pprof has it.
    pub fn long_name(self) -> &'static str {
        match self {
            Unit::Time => "nanoseconds",
            Unit::Bytes => "bytes",
            Unit::Count => "count",
        }
    }

    /// What stands behind a heading.
    pub fn heading(self) -> &'static str {
        if self == Unit::Time { " s" } else { "" }
    }

    /// A weight in a column with such a heading.
    pub fn cell(self, weight: u64) -> String {
        match self {
            Unit::Time => seconds(weight),
            Unit::Bytes => show_size(weight),
            Unit::Count => show_count(weight),
        }
    }

    /// A weight of a table on its own.
    pub fn told(self, weight: u64, table: &str) -> String {
        match (self, table) {
            (Unit::Time, "stack_cpu") => format!("{} s of CPU", seconds(weight)),
            (Unit::Time, "stack_wait") => format!("{} s of waiting", seconds(weight)),
            (Unit::Time, "stack_lock") => format!("{} s of waiting for locks", seconds(weight)),
            (Unit::Time, _) => format!("{} s", seconds(weight)),
            (Unit::Bytes, "stack_io") => format!("{} of I/O", show_size(weight)),
            (Unit::Bytes, "stack_alloc") => format!("{} not freed", show_size(weight)),
            (Unit::Bytes, _) => show_size(weight),
            (Unit::Count, "stack_fault") => show_many(weight, "page fault"),
            (Unit::Count, "stack_cache") => format!("{} cache misses", show_count(weight)),
            (Unit::Count, _) => show_many(weight, "event"),
        }
    }
}

/// Seconds, with fewer digits behind the point where there are many before it.
pub fn seconds(ns: u64) -> String {
    let seconds = ns as f64 / 1e9;
    let digits = if seconds < 9999.0 { 3 } else { 0 };
    format!("{seconds:.digits$}")
}

/// How many percent of `all` a part is; 0 where there is nothing.
pub fn percent(part: u64, all: u64) -> f64 {
    if all == 0 { 0.0 } else { part as f64 * 100.0 / all as f64 }
}
