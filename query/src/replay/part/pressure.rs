//! `pressure`

use super::{Part, Row};
use serde_json::{Value, json};

/// How long tasks were held up for want of a resource; parts of one.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Pressure {
    /// `cpu`, `memory`, `io` or `irq`.
    pub resource: String,
    /// Share of the time in which some tasks were held up.
    pub some: Option<f64>,
    /// Share of the time in which all were.
    pub full: Option<f64>,
}

impl Part for Pressure {
    const TABLE: &'static str = "pressure";
    const COLUMNS: &'static [&'static str] = &["resource", "some_total_ns", "full_total_ns"];

    fn from_row(row: &Row<'_>) -> Pressure {
        let share = |column| row.number(column).map(|ns_per_s| ns_per_s / 1e9);
        Pressure {
            resource: row.text("resource"),
            some: share("some_total_ns"),
            full: share("full_total_ns"),
        }
    }

    fn json(&self) -> Value {
        json!({"resource": self.resource, "some_ratio": self.some, "full_ratio": self.full})
    }
}
