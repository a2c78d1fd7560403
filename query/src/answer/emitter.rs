//! Puts gaps between rows.

use crate::error::QueryError;
use crate::question::Step;
use crate::rows::{Batch, Missing, Sink};
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

fn joined(missing: Vec<Missing>, step: Step) -> Vec<Missing> {
    let mut joined: Vec<(Missing, u64)> = Vec::new();
    for gap in missing {
        let number = step.of(gap.from);
        match joined
            .iter_mut()
            .rev()
            .take_while(|(known, _)| step.of(known.from) == number)
            .find(|(known, _)| known.cause == gap.cause && known.detail == gap.detail)
        {
            Some((known, count)) => {
                known.to = known.to.max(gap.to);
                known.lost = known.lost.saturating_add(gap.lost);
                *count += 1;
            }
            None => joined.push((gap, 1)),
        }
    }
    let told = |(mut gap, count): (Missing, u64)| {
        if count > 1 {
            let separator = if gap.detail.is_empty() { "" } else { "; " };
            gap.detail = format!("{}{separator}in {count} gaps", gap.detail);
        }
        gap
    };
    joined.into_iter().map(told).collect()
}
