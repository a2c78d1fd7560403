//! Puts gaps between rows.

use crate::error::QueryError;
use crate::question::Step;
use crate::rows::{Batch, Missing, Sink};
use nodemon_formats::units::show_duration;
use std::iter::Peekable;
use std::vec::IntoIter;

/// Hands rows to a sink, and each gap behind the last row that is not later than its start.
pub struct Emitter<'a> {
    sink: &'a mut dyn Sink,
    missing: Peekable<IntoIter<Missing>>,
    rows: u64,
    gaps: u64,
}

impl Emitter<'_> {
    /// An emitter of the gaps `missing`, ascending. Gaps of one cause that begin in the same step
    /// become one.
    pub fn new(missing: Vec<Missing>, step: Option<Step>, sink: &mut dyn Sink) -> Emitter<'_> {
        let missing = match step {
            Some(step) => joined(missing, step),
            None => missing,
        };
        Emitter { sink, missing: missing.into_iter().peekable(), rows: 0, gaps: 0 }
    }

    /// The next rows.
    ///
    /// # Errors
    /// The sink's.
    pub fn rows_of(&mut self, batch: &Batch) -> Result<(), QueryError> {
        let Some(last) = batch.times.last() else { return Ok(()) };
        self.rows += batch.len() as u64;
        let mut done = 0;
        while let Some(gap) = self.missing.next_if(|gap| gap.from < *last) {
            let split = batch.times.partition_point(|time| *time <= gap.from).max(done);
            if split > done {
                self.sink.rows(&batch.part(done..split))?;
                done = split;
            }
            self.gap(&gap)?;
        }
        match done {
            0 => self.sink.rows(batch),
            _ => self.sink.rows(&batch.part(done..batch.len())),
        }
    }

    /// There are no more rows.
    ///
    /// # Errors
    /// The sink's.
    pub fn finish(&mut self) -> Result<(), QueryError> {
        while let Some(gap) = self.missing.next() {
            self.gap(&gap)?;
        }
        Ok(())
    }

    fn gap(&mut self, gap: &Missing) -> Result<(), QueryError> {
        self.gaps += 1;
        self.sink.gap(gap)
    }

    /// How many rows there were.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// How many gaps there were.
    pub fn gaps(&self) -> u64 {
        self.gaps
    }
}

/// Joins gaps of one cause that begin in the same step.
fn joined(missing: Vec<Missing>, step: Step) -> Vec<Missing> {
    let mut joined: Vec<(Missing, u64, i64)> = Vec::new();
    for gap in missing {
        let number = step.number_at(gap.from);
        let length = gap.to.saturating_sub(gap.from);
        let of_step = |known: &Missing| step.number_at(known.from) == number;
        let alike = |known: &Missing| known.cause == gap.cause && known.detail == gap.detail;
        let mut in_step = joined.iter_mut().rev().take_while(|(known, ..)| of_step(known));
        match in_step.find(|(known, ..)| alike(known)) {
            Some((known, count, together)) => {
                known.to = known.to.max(gap.to);
                known.lost = known.lost.saturating_add(gap.lost);
                *count += 1;
                *together = together.saturating_add(length);
            }
            None => joined.push((gap, 1, length)),
        }
    }
    let told = |(mut gap, count, together): (Missing, u64, i64)| {
        if count > 1 {
            let separator = if gap.detail.is_empty() { "" } else { "; " };
            let together = show_duration(together);
            gap.detail.push_str(&format!("{separator}{count} gaps, {together} together"));
        }
        gap
    };
    joined.into_iter().map(told).collect()
}
