//! Which rows that wait become blocks for the room that they take.

use super::table::Table;
use std::cmp::Reverse;

/// Rows of all tables together that wait to become blocks, bytes, of a ring of rows and of a tier.
const MOST_WAITING_BYTES: usize = 2 << 20;
const MOST_WAITING_BYTES_OF_TIER: usize = 1 << 20;

/// The tables whose rows become blocks before they are due, because those of all tables together are
/// too many: a wide row a minute is an hour's worth of memory before it is a block, and there are
/// dozens of tables. The largest go first, until half of the room is free, so that it takes a while
/// until some have to go again.
pub fn largest_waiting(tables: &[Table], is_tier: bool) -> Vec<usize> {
    let most_bytes = if is_tier { MOST_WAITING_BYTES_OF_TIER } else { MOST_WAITING_BYTES };
    // Stacks have a bound of their own: what they have in common is worth waiting for.
    let counts = |table: &Table| !table.is_due() && !table.gathers_stacks();
    let waits = |table: &Table| if counts(table) { table.waiting_bytes() } else { 0 };
    let mut waiting_bytes: usize = tables.iter().map(waits).sum();
    if waiting_bytes <= most_bytes {
        return Vec::new();
    }
    let mut largest: Vec<usize> = (0..tables.len()).collect();
    largest.sort_by_key(|number| Reverse(waits(&tables[*number])));
    let is_beyond = |number: &usize| {
        let is_beyond = waiting_bytes > most_bytes / 2;
        waiting_bytes -= waits(&tables[*number]);
        is_beyond
    };
    largest.into_iter().take_while(is_beyond).collect()
}
