//! Gaps, in a line and in full.

use crate::context::Context;
use crate::listing::{Listing, show_many};
use crate::rows::Missing;
use crate::time::{show_duration, show_precise};
use nodemon_formats::reader::WallGap;

/// All gaps in a line: how many, how long, by cause.
pub fn in_short(gaps: &[WallGap]) -> String {
    if gaps.is_empty() {
        return "none".into();
    }
    let mut causes: Vec<(&str, u64, i64)> = Vec::new();
    for gap in gaps {
        let phrase = gap.gap.cause.phrase();
        let length = gap.to.saturating_sub(gap.from);
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
    let lost = gaps.iter().map(|gap| gap.gap.lost).fold(0, u64::saturating_add);
    let lost =
        if lost == 0 { String::new() } else { format!("; {} lost", show_many(lost, "sample")) };
    format!("{} ({}{lost})", gaps.len(), causes.join("; "))
}

/// Each gap.
pub fn listing(context: &Context, gaps: &[WallGap]) -> String {
    let zone = &context.anchors.zone;
    let mut listing = Listing::new(&["gap", ">length", "table", "why"]);
    for gap in gaps {
        let table = if gap.gap.table.is_empty() { "every" } else { &gap.gap.table };
        listing.row([
            format!("{} .. {}", show_precise(gap.from, zone), show_precise(gap.to, zone)),
            show_duration(gap.to.saturating_sub(gap.from)),
            table.to_owned(),
            Missing::from(gap.clone()).why(),
        ]);
    }
    listing.text(context.color)
}
