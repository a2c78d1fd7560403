//! A sink that says how far it is and can be interrupted.

use super::progress::Progress;
use crate::error::QueryError;
use crate::interrupt::Interrupt;
use crate::rows::{Batch, Missing, Sink};

/// Hands everything to `sink`.
pub struct Watched<'a> {
    /// Who writes.
    pub sink: Box<dyn Sink>,
    /// Who is told how far it is.
    pub progress: &'a Progress,
    /// Who says when to stop.
    pub interrupt: &'a Interrupt,
}

impl Sink for Watched<'_> {
    fn rows(&mut self, batch: &Batch) -> Result<(), QueryError> {
        if self.interrupt.is_asked() {
            return Err(QueryError::Interrupted);
        }
        if let Some(last) = batch.times.last() {
            self.progress.reached(*last);
        }
        self.sink.rows(batch)
    }

    fn gap(&mut self, gap: &Missing) -> Result<(), QueryError> {
        self.sink.gap(gap)
    }

    fn finish(&mut self) -> Result<(), QueryError> {
        match self.interrupt.is_asked() {
            true => Err(QueryError::Interrupted),
            false => self.sink.finish(),
        }
    }
}
