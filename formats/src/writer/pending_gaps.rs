//! Gaps that wait to be written.

use super::table::Table;
use crate::gap::{Gap, GapCause};

/// Gaps that wait for a disk to come back; beyond that one of the same table and cause grows.
const MOST_PENDING_GAPS: usize = 1000;

/// Adds a gap to those that are kept in memory.
pub fn put_gap(gaps: &mut Vec<Gap>, gap: Gap) {
    let is_like = |known: &&mut Gap| known.table == gap.table && known.cause == gap.cause;
    if gaps.len() >= MOST_PENDING_GAPS
        && let Some(last) = gaps.iter_mut().rev().find(is_like)
    {
        last.from_ns = last.from_ns.min(gap.from_ns);
        last.to_ns = last.to_ns.max(gap.to_ns);
        last.lost += gap.lost;
        return;
    }
    gaps.push(gap);
}

/// The gap of each table that a failing disk cost samples.
pub fn gaps_of_disk(tables: &[Table], error: &Option<String>) -> impl Iterator<Item = Gap> {
    tables.iter().filter_map(move |table| {
        let (lost, from_ns) = table.lost?;
        Some(Gap {
            table: table.schema.name.clone(),
            cause: GapCause::Disk,
            from_ns,
            to_ns: table.last_lost_ns,
            lost,
            detail: error.clone().unwrap_or_default(),
        })
    })
}
