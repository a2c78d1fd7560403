//! Gaps, in a line and in full, and what was lost in them.

use crate::context::Context;
use crate::gaps::ReportedGap;
use crate::listing::{Listing, show_count, show_many};
use crate::time::{Stamp, show_precise};
use nodemon_formats::reader::WallGap;
use nodemon_formats::units::show_duration;

/// So many tables are named in a line.
const NAMED: usize = 5;

/// Samples and events that gaps count.
pub struct Lost {
    /// All of them.
    pub samples: u64,
    /// Those of each table that lost any, the largest number first.
    tables: Vec<(String, u64)>,
    /// Samples that were not taken because what takes them was starting.
    starting: u64,
}

/// What was lost in all gaps, exactly: the recorder says the same numbers when it ends.
pub fn lost(gaps: &[WallGap]) -> Lost {
    let mut tables: Vec<(String, u64)> = Vec::new();
    let (starting, lost): (Vec<_>, Vec<_>) = gaps.iter().partition(|gap| gap.gap.is_of_start());
    for gap in lost.into_iter().filter(|gap| gap.gap.lost > 0) {
        match tables.iter_mut().find(|(table, _)| *table == gap.gap.table) {
            Some((_, lost)) => *lost = lost.saturating_add(gap.gap.lost),
            None => tables.push((gap.gap.table.clone(), gap.gap.lost)),
        }
    }
    tables.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    let samples = tables.iter().fold(0_u64, |sum, (_, lost)| sum.saturating_add(*lost));
    let starting = starting.iter().fold(0_u64, |sum, gap| sum.saturating_add(gap.gap.lost));
    Lost { samples, tables, starting }
}

impl Lost {
    /// How many of which tables: `15 samples: cpu 7, softirq 7, disk 1`.
    pub fn text(&self) -> String {
        let mut text = show_many(self.samples, "sample");
        let named = self.tables.iter().take(NAMED);
        let named = named.map(|(table, lost)| format!("{table} {}", show_count(*lost)));
        let named: Vec<String> = named.collect();
        if !named.is_empty() {
            text.push_str(&format!(": {}", named.join(", ")));
        }
        if self.tables.len() > NAMED {
            let more = (self.tables.len() - NAMED) as u64;
            text.push_str(&format!(", and of {}", show_many(more, "more table")));
        }
        if self.starting > 0 {
            text.push_str(&format!("; {} not taken while starting", show_count(self.starting)));
        }
        text
    }
}

/// All gaps in a line: how many, how long, by cause.
pub fn in_short(gaps: &[ReportedGap]) -> String {
    if gaps.is_empty() {
        return "none".into();
    }
    let mut causes: Vec<(&str, u64, i64)> = Vec::new();
    for gap in gaps {
        let phrase = match gap.missing.cause.is_of_start(&gap.missing.detail) {
            true => "sampler starting",
            false => gap.missing.cause.phrase(),
        };
        let length = gap.missing.to.saturating_sub(gap.missing.from);
        match causes.iter_mut().find(|(known, ..)| *known == phrase) {
            Some((_, count, total)) => {
                *count += 1;
                *total = total.saturating_add(length);
            }
            None => causes.push((phrase, 1, length)),
        }
    }
    let told = |(phrase, count, total): &(&str, u64, i64)| {
        format!("{count} x {phrase}, {}", show_duration(*total))
    };
    let causes: Vec<String> = causes.iter().map(told).collect();
    format!("{} ({})", gaps.len(), causes.join("; "))
}

/// Each gap.
pub fn listing(context: &Context, gaps: &[ReportedGap]) -> String {
    let zone = &context.anchors.zone;
    let mut listing = Listing::new(&["gap", ">length", "table", "why"]);
    for gap in gaps {
        let (from, to) = (gap.missing.from, gap.missing.to);
        let day = |at| Stamp::from_ns(at, zone).date;
        let end = if day(from) == day(to) {
            Stamp::from_ns(to, zone).clock(3)
        } else {
            show_precise(to, zone)
        };
        listing.row([
            format!("{} .. {}", show_precise(from, zone), end),
            show_duration(to.saturating_sub(from)),
            gap.tables(),
            gap.why(),
        ]);
    }
    listing.text(context.color)
}
