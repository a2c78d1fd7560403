//! What a rule says.

use std::fmt;
use std::time::Duration;

/// Rates are raised for at most this long by one firing.
pub const MOST_RAISED: Duration = Duration::from_secs(60);
/// What a rule raises is sampled at most this often: faster sources have a thread of their own.
pub const LEAST_EVERY: Duration = Duration::from_millis(100);
/// The longest name, bytes.
pub const MOST_NAME_BYTES: usize = 64;
/// The most rules: each is looked at with every sample of its table.
pub const MOST_RULES: usize = 256;

/// One rule.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// Its name.
    pub name: String,
    /// The table that it looks at.
    pub table: String,
    /// The column; `None` for the number of rows that pass `filters`.
    pub column: Option<String>,
    /// Columns and the text that each must have, for a row to count.
    pub filters: Vec<(String, String)>,
    /// Whether the value must be above or below the threshold.
    pub side: Side,
    /// The threshold.
    pub threshold: f64,
    /// How much above the mean of the last minutes it must be as well.
    pub rise: Option<f64>,
    /// Whether the value is divided by the number of CPUs.
    pub per_cpu: bool,
    /// For how long it must hold.
    pub holds: Duration,
    /// How long after it has fired it does not fire again.
    pub cooldown: Duration,
    /// The sources whose rates it raises, and those that it opens.
    pub raises: Vec<String>,
    /// How often these are sampled.
    pub every: Duration,
    /// For how long.
    pub lasts: Duration,
}

/// On which side of the threshold a value must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Larger.
    Above,
    /// Smaller.
    Below,
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Side::Above => "above",
            Side::Below => "below",
        })
    }
}

impl Rule {
    /// A rule that nothing is said of but what it looks at.
    pub fn new(name: &str, table: &str, column: Option<&str>) -> Rule {
        Rule {
            name: name.to_owned(),
            table: table.to_owned(),
            column: column.map(str::to_owned),
            filters: Vec::new(),
            side: Side::Above,
            threshold: 0.0,
            rise: None,
            per_cpu: false,
            holds: Duration::ZERO,
            cooldown: Duration::from_secs(300),
            raises: vec!["thread_active".to_owned()],
            every: LEAST_EVERY,
            lasts: MOST_RAISED,
        }
    }

    /// What it looks at: `pressure.some_total_ns resource=io`, `rows of thread_active`.
    pub fn subject(&self) -> String {
        let mut subject = match &self.column {
            Some(column) => format!("{}.{column}", self.table),
            None => format!("rows of {}", self.table),
        };
        for (column, text) in &self.filters {
            subject.push_str(&format!(" {column}={text}"));
        }
        subject
    }
}
