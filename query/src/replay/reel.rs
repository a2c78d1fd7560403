//! The ticks of the span, read a window at a time as they are looked at.

use super::frame::{Frame, TableGap};
use super::gather::gather;
use super::window::{Warn, Window};
use crate::error::{Outcome, QueryError};
use crate::gaps;
use crate::question::Step;
use crate::rows::Missing;
use nodemon_formats::reader::{Recording, WallGap};
use std::ops::RangeInclusive;

/// Ticks that are read at once: few enough to be there at once, enough to read each block once.
const WINDOW_TICKS: u16 = 64;

/// Every tick of a span.
pub struct Reel<'a> {
    recording: &'a Recording,
    step: Step,
    /// Start of the span, ns since the epoch.
    from: i64,
    ticks: RangeInclusive<i64>,
    /// Number of the first tick of `frames`.
    first: i64,
    frames: Vec<Frame>,
    /// Every gap, once they were read.
    gaps: Option<Vec<TableGap>>,
    outcome: Outcome,
}

/// Which way time goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// As it went.
    Forward,
    /// Against it.
    Back,
}

impl<'a> Reel<'a> {
    /// The ticks that touch `[from, to)`.
    pub fn new(recording: &'a Recording, step: Step, from: i64, to: i64) -> Reel<'a> {
        let ticks = step.number_at(from)..=step.number_at(to.saturating_sub(1));
        Reel {
            recording,
            step,
            from,
            ticks,
            first: 0,
            frames: Vec::new(),
            gaps: None,
            outcome: Outcome::Complete,
        }
    }

    /// Numbers of the ticks.
    pub fn ticks(&self) -> RangeInclusive<i64> {
        self.ticks.clone()
    }

    /// The length of a tick.
    pub fn step(&self) -> Step {
        self.step
    }

    /// Whether damaged data was left out of what has been read.
    pub fn outcome(&self) -> Outcome {
        self.outcome
    }

    /// What was recorded of a tick.
    ///
    /// # Errors
    /// When the recording cannot be read.
    pub fn frame(&mut self, tick: i64, warn: Warn<'_>) -> Result<&Frame, QueryError> {
        let at = |first: i64| usize::try_from(tick - first).unwrap_or(usize::MAX);
        if at(self.first) >= self.frames.len() {
            let first = tick.div_euclid(WINDOW_TICKS.into()) * i64::from(WINDOW_TICKS);
            let window = Window { step: self.step, first, count: WINDOW_TICKS.into() };
            if self.gaps.is_none() {
                self.gaps = Some(self.read_gaps()?);
            }
            let gaps = self.gaps.as_deref().unwrap_or_default();
            let (frames, outcome) = gather(self.recording, gaps, window, warn)?;
            self.outcome = self.outcome.and(outcome);
            (self.first, self.frames) = (first, frames);
        }
        Ok(&self.frames[at(self.first)])
    }

    fn read_gaps(&self) -> Result<Vec<TableGap>, QueryError> {
        let mut gaps = gaps::all(self.recording)?;
        gaps.retain(|gap| gaps::is_worth_a_line(gap, self.from));
        let of_table =
            |gap: WallGap| TableGap { table: gap.gap.table.clone(), missing: Missing::from(gap) };
        Ok(gaps.into_iter().map(of_table).collect())
    }

    /// The next tick that is worth a look. Of time without data that is the first tick only.
    ///
    /// # Errors
    /// When the recording cannot be read.
    pub fn next(
        &mut self,
        tick: i64,
        direction: Direction,
        warn: Warn<'_>,
    ) -> Result<Option<i64>, QueryError> {
        let was_empty = self.frame(tick, warn)?.is_empty();
        let mut next = tick;
        loop {
            next = match direction {
                Direction::Forward => next + 1,
                Direction::Back => next - 1,
            };
            if !self.ticks.contains(&next) {
                return Ok(None);
            }
            let step = self.step;
            let frame = self.frame(next, warn)?;
            if !frame.is_empty() || !was_empty {
                return Ok(Some(next));
            }
            // A night without a recorder is not looked through tick by tick.
            let gaps = frame.gaps.iter().filter(|gap| gap.table.is_empty());
            match direction {
                Direction::Forward => {
                    let end = gaps.map(|gap| gap.missing.to).max().unwrap_or(frame.to);
                    // Nor is time that nothing tells of; one block may span a century of it.
                    let row = self.recording.next_row(end)?.unwrap_or(i64::MAX);
                    next = next.max(step.number_at(end.max(row)) - 1);
                }
                Direction::Back => {
                    let start = gaps.map(|gap| gap.missing.from).min().unwrap_or(frame.from);
                    next = next.min(step.number_at(start) + 1);
                }
            }
        }
    }
}
