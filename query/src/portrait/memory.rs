//! Its memory, and whether it grows.

use super::ask::{Asker, Wanted, pieces, whole};
use super::sheet::Sheet;
use super::subject::Subject;
use super::trend::Trend;
use super::usage::Usage;
use crate::error::QueryError;
use crate::listing::show_count;
use crate::question::Aggregate;
use nodemon_formats::narrow::whole as whole_number;
use nodemon_formats::units::show_size;
use serde_json::{Value, json};

/// A trend is told from so many parts of the span.
const PARTS: i64 = 64;

/// Its memory, bytes.
#[derive(Debug, Default)]
pub struct Memory {
    first: Option<u64>,
    most: Option<u64>,
    last: Option<u64>,
    anonymous_last: Option<u64>,
    swap_most: Option<u64>,
    /// Bytes an hour, where it grows steadily.
    growth_per_hour: Option<u64>,
}

/// Reads its memory; `None` where there is no sample of it.
///
/// # Errors
/// When the recording cannot be read.
pub fn memory(asker: &mut Asker<'_>, subject: &Subject) -> Result<Option<Memory>, QueryError> {
    let mut memory = None;
    let mut wanted = Wanted {
        table: "process",
        columns: &["rss_bytes", "rss_anon_bytes", "swap_bytes"],
        filters: subject.sampled(),
        span: subject.window,
        step: Some((
            false,
            whole(subject.window),
            &[Aggregate::First, Aggregate::Max, Aggregate::Last],
        )),
    };
    asker.ask(&wanted, &mut |row| {
        memory = Some(Memory {
            first: row.integer("rss_bytes_first"),
            most: row.integer("rss_bytes_max"),
            last: row.integer("rss_bytes_last"),
            anonymous_last: row.integer("rss_anon_bytes_last"),
            swap_most: row.integer("swap_bytes_max"),
            growth_per_hour: None,
        });
    })?;
    let mut trend = Trend::default();
    wanted.columns = &["rss_bytes"];
    wanted.step = Some((false, pieces(subject.window, PARTS), &[Aggregate::Avg]));
    asker.ask(&wanted, &mut |row| {
        if let Some(bytes) = row.number("rss_bytes_avg") {
            trend.add(row.time(), bytes);
        }
    })?;
    let growth = trend.steady_per_hour().map(whole_number);
    Ok(memory.map(|memory| Memory { growth_per_hour: growth, ..memory }))
}

impl Memory {
    /// Its memory on the page.
    pub fn write(&self, usage: Option<&Usage>, sheet: &mut Sheet<'_>) {
        let levels = [("at first", self.first), ("at most", self.most), ("at last", self.last)];
        let levels = levels
            .into_iter()
            .filter_map(|(when, bytes)| bytes.map(|bytes| format!("{} {when}", show_size(bytes))));
        let levels: Vec<String> = levels.collect();
        sheet.known("resident", Some(levels.join(", ")).filter(|text| !text.is_empty()));
        sheet.known("of no file", self.anonymous_last.map(|b| format!("{} at last", show_size(b))));
        let swapped = self.swap_most.filter(|bytes| *bytes > 0);
        sheet.known("swapped out", swapped.map(|bytes| format!("{} at most", show_size(bytes))));
        let growth =
            self.growth_per_hour.map(|bytes| format!("steadily, {} an hour", show_size(bytes)));
        sheet.known("grows", growth);
        let sum = |name| usage.and_then(|usage| usage.sum(name));
        let faults = sum("minor_faults").zip(sum("major_faults"));
        let faults = faults.map(|(minor, major)| {
            format!("{}; {} that waited for I/O", show_count(minor), show_count(major))
        });
        sheet.known("page faults", faults);
    }

    /// The same for programs.
    pub fn json(&self, usage: Option<&Usage>) -> Value {
        let sum = |name| usage.and_then(|usage| usage.sum(name));
        json!({
            "rss_first_bytes": self.first,
            "rss_max_bytes": self.most,
            "rss_last_bytes": self.last,
            "rss_anon_last_bytes": self.anonymous_last,
            "swap_max_bytes": self.swap_most,
            "growth_bytes_per_hour": self.growth_per_hour,
            "minor_faults": sum("minor_faults"),
            "major_faults": sum("major_faults"),
        })
    }
}
