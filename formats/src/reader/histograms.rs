//! Histograms are checked when they are decoded: who merges them can rely on them.

use super::{Cells, Presence, Strings};
use crate::block::BlockError;
use crate::histogram::buckets;
use crate::schema::{Column, ColumnType};
use std::ops::Range;
use std::sync::Arc;

/// Takes the malformed cells out of a column, one for each instance, over `rows`; of a column of
/// another type there are none. What was taken out is damage.
pub fn check(
    column: &Column,
    of_instances: &mut [Cells],
    rows: Range<usize>,
    strings: &Strings,
) -> Option<BlockError> {
    if column.kind != ColumnType::Histogram {
        return None;
    }
    let mut verdicts: Vec<Option<bool>> = vec![None; strings.ends.len()];
    let mut is_whole = |word: u64| {
        let whole = || buckets(strings.get(word)).all(|bucket| bucket.is_ok());
        // What is beyond the dictionary is the empty string.
        let verdict = usize::try_from(word).ok().and_then(|word| verdicts.get_mut(word));
        verdict.is_none_or(|verdict| *verdict.get_or_insert_with(whole))
    };
    let mut malformed = 0;
    for cells in of_instances {
        let is_bad = |row: &usize| cells.present.at(*row) && !is_whole(cells.words.at(*row));
        let bad: Vec<usize> = rows.clone().filter(is_bad).collect();
        if !bad.is_empty() {
            malformed += bad.len();
            cells.present = without(&cells.present, &bad, rows.end);
        }
    }
    (malformed > 0)
        .then(|| BlockError::Histograms { column: column.name.clone(), cells: malformed })
}

/// A presence of `length` rows without some of them.
fn without(present: &Presence, rows: &[usize], length: usize) -> Presence {
    let mut bits = vec![0u64; length.div_ceil(64)];
    for row in (0..length).filter(|row| present.at(*row)) {
        bits[row / 64] |= 1 << (row % 64);
    }
    for row in rows {
        bits[row / 64] &= !(1 << (row % 64));
    }
    match bits.iter().all(|word| *word == 0) {
        true => Presence::None,
        false => Presence::Some(Arc::new(bits)),
    }
}
