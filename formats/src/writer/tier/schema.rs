//! The columns of a table in a tier.

use crate::schema::{Column, ColumnType, Schema, Semantics, unit};

/// The column that says how many samples a row stands for.
pub const SAMPLES: &str = ":samples";
/// Suffix of the column with a gauge's smallest value.
pub const MIN: &str = ":min";
/// Suffix of the column with a gauge's largest value.
pub const MAX: &str = ":max";
/// Suffix of the column with a gauge's mean.
pub const MEAN: &str = ":mean";
/// Suffix of the column with what a counter grew by since the last sample of the step before.
pub const GROWTH: &str = ":growth";
/// Suffix of the column with a counter's first value, where nothing was known of what was before.
pub const FIRST: &str = ":first";
/// The column with the time over which the counters of an instance grew.
pub const GROWN_NS: &str = ":grown_ns";
/// The column with the time of the first sample, where nothing was known of what was before.
pub const FIRST_NS: &str = ":first_ns";
/// The column with the time of the sample before that, where the same recorder took one.
pub const BEFORE_NS: &str = ":before_ns";
/// The column that says whether an instance was there at the end of the step.
pub const IS_THERE: &str = ":is_there";

/// Whether smallest, largest and mean of a column are kept.
pub fn is_numeric_gauge(column: &Column) -> bool {
    column.semantics == Semantics::Gauge
        && matches!(column.kind, ColumnType::U64 | ColumnType::I64 | ColumnType::F64)
}

/// The schema of a table in a tier.
pub fn rolled_up(schema: &Schema, step_ns: u64) -> Schema {
    let mut rolled = Schema { values: Vec::new(), tier_ns: step_ns, ..schema.clone() };
    rolled.interval_ns = step_ns;
    for column in &schema.values {
        rolled.values.push(column.clone());
        if is_numeric_gauge(column) {
            for (suffix, kind) in [(MIN, column.kind), (MAX, column.kind), (MEAN, ColumnType::F64)]
            {
                let name = format!("{}{suffix}", column.name);
                rolled.values.push(Column { name, kind, ..column.clone() });
            }
        }
        if is_counter(column) {
            for (suffix, semantics) in [(GROWTH, Semantics::Gauge), (FIRST, Semantics::State)] {
                let name = format!("{}{suffix}", column.name);
                rolled.values.push(Column { name, semantics, ..column.clone() });
            }
        }
    }
    let samples = "samples that the row stands for";
    let rolled = rolled
        .gauge(GROWN_NS, ColumnType::U64, unit::NS, "the time over which its counters grew")
        .state(FIRST_NS, ColumnType::U64, "its first sample, where what was before is not known")
        .state(
            BEFORE_NS,
            ColumnType::U64,
            "the sample before that, where the same recorder took one",
        )
        .state(IS_THERE, ColumnType::U64, "1 where it was there at the last sample of the step");
    let mut rolled = rolled.gauge(SAMPLES, ColumnType::U64, unit::COUNT, samples);
    // It stays for as long as the recorder runs.
    rolled.values.shrink_to_fit();
    rolled
}

/// The schema of a table as its source has it, from the one in a tier. How often it was sampled is
/// not known any more.
pub fn unrolled(schema: &Schema) -> Schema {
    let mut original = Schema { tier_ns: 0, ..schema.clone() };
    original.values.retain(|column| !column.name.contains(':'));
    original
}

/// Whether the growth of a column is kept.
pub fn is_counter(column: &Column) -> bool {
    column.semantics == Semantics::Counter
        && matches!(column.kind, ColumnType::U64 | ColumnType::I64 | ColumnType::F64)
}
