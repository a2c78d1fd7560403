//! Rows that say that nothing happened: of a hundred system calls, timers or interrupts most.

use crate::rows::{Batch, Header, Role, as_f64};
use std::ops::Range;

/// Whether rows of this answer have instances, and of each nothing but rates.
pub fn has_rates_only(header: &Header) -> bool {
    let is_key = |role: Role| role == Role::Key;
    let mut values = header.fields.iter().filter(|field| !is_key(field.role)).peekable();
    let has_values = values.peek().is_some();
    let has_keys = header.fields.iter().any(|field| is_key(field.role));
    has_keys && has_values && values.all(|field| field.name.contains("_per_s"))
}

/// The rows in which some rate is not zero, as ranges.
pub fn busy_rows(header: &Header, batch: &Batch) -> Vec<Range<usize>> {
    let is_busy = |row: usize| {
        let values = header.fields.iter().zip(&batch.columns);
        values.filter(|(field, _)| field.role != Role::Key).any(|(field, column)| {
            column.is_present(row) && as_f64(field.kind, column.words[row]) != 0.0
        })
    };
    let mut ranges: Vec<Range<usize>> = Vec::new();
    for row in (0..batch.len()).filter(|row| is_busy(*row)) {
        match ranges.last_mut() {
            Some(last) if last.end == row => last.end += 1,
            _ => ranges.push(row..row + 1),
        }
    }
    ranges
}
