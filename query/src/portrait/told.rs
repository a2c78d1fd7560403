//! Figures for people and for programs.

use jiff::Timestamp;
use nodemon_formats::units::show_duration;

/// RFC 3339 in UTC, to the nanosecond.
pub fn instant(ns: i64) -> String {
    let time = Timestamp::from_nanosecond(i128::from(ns)).unwrap_or_default();
    format!("{time:.9}")
}

/// A length of time for people.
pub fn over(ns: u64) -> String {
    show_duration(i64::try_from(ns).unwrap_or(i64::MAX))
}

/// A rate of ns a second as percent of one CPU.
pub fn of_one_cpu(ns_per_s: f64) -> String {
    format!("{:.1} % of one CPU", ns_per_s / 1e7)
}
