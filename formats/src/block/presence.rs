//! Which rows of an instance or a column have a value: run lengths on disk, bits in memory.

use super::BlockError;
use super::wire::{Wire, put_varint};
use crate::chunk::Presence;
use std::sync::Arc;

/// Appends the runs of `bits` (absent first, then present, ...) over `rows` rows.
pub fn put_runs(out: &mut Vec<u8>, bits: &[u64], rows: usize) {
    let (mut at, mut present) = (0, false);
    while at < rows {
        let start = at;
        while at < rows && (bits[at / 64] >> (at % 64) & 1 == 1) == present {
            at += 1;
        }
        put_varint(out, (at - start) as u64);
        present = !present;
    }
}

/// Reads the runs over `rows` rows.
pub fn take_runs(wire: &mut Wire<'_>, rows: usize) -> Result<Presence, BlockError> {
    let mut bits = vec![0u64; rows.div_ceil(64)];
    let (mut at, mut present, mut count) = (0, false, 0);
    while at < rows {
        let run = wire.count(rows - at)?;
        if present {
            for row in at..at + run {
                bits[row / 64] |= 1 << (row % 64);
            }
            count += run;
        } else if run == 0 && at > 0 {
            return Err(BlockError::Layout("presence"));
        }
        at += run;
        present = !present;
    }
    Ok(match count {
        0 => Presence::None,
        all if all == rows => Presence::All,
        _ => Presence::Some(Arc::new(bits)),
    })
}

/// How many of `rows` rows are there.
pub fn count(presence: &Presence, rows: usize) -> usize {
    match presence {
        Presence::All => rows,
        Presence::None => 0,
        Presence::Some(bits) => bits.iter().map(|word| word.count_ones() as usize).sum(),
    }
}

/// Spreads the values that are there over all rows; a row without one repeats the one before (the
/// first ones repeat the first).
pub fn spread(values: &[u64], bits: &[u64], out: &mut [u64]) {
    let mut values = values.iter();
    let mut current = values.clone().next().copied().unwrap_or(0);
    for (row, out) in out.iter_mut().enumerate() {
        if bits[row / 64] >> (row % 64) & 1 == 1
            && let Some(&value) = values.next()
        {
            current = value;
        }
        *out = current;
    }
}
