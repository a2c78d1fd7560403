//! Whom the portrait is of, and where in the tables it is.

use super::ask::{Asker, is};
use super::find::find;
use super::life::{Life, START_SLACK_NS};
use super::name::Who;
use crate::error::QueryError;
use crate::filter::Filter;

/// Whom the portrait is of.
#[derive(Clone, Debug)]
pub struct Subject {
    /// Its life.
    pub life: Life,
    /// The part of the span in which its number is its own.
    pub window: (i64, i64),
}

impl Subject {
    /// The process of a life, in a span.
    ///
    /// # Errors
    /// When the recording cannot be read.
    pub fn new(
        asker: &mut Asker<'_>,
        life: &Life,
        span: (i64, i64),
    ) -> Result<Subject, QueryError> {
        // Who was found by name may have had another name at its end; others had its number.
        let same = find(asker, &Who::Pid(life.pid), span)?;
        let begin = life.begin().saturating_sub(START_SLACK_NS);
        let next = same.all().iter().map(Life::begin);
        let next = next.filter(|other| *other > life.begin().saturating_add(START_SLACK_NS)).min();
        let is_first = !same.all().iter().any(|other| other.begin() < begin);
        let (mut from, mut to) = span;
        if let Some(next) = next {
            to = to.min(next.saturating_sub(START_SLACK_NS)).max(from.saturating_add(1));
        }
        if !is_first {
            from = from.max(begin).min(to.saturating_sub(1));
        }
        let is_it =
            |other: &&Life| other.begin().abs_diff(life.begin()) <= START_SLACK_NS.unsigned_abs();
        let known = same.all().iter().find(is_it);
        let mut life = life.clone();
        if let Some(known) = known {
            life.end = life.end.or(known.end);
            life.start = life.start.or(known.start);
        }
        Ok(Subject { life, window: (from, to) })
    }

    /// Its rows in tables whose keys say when it started.
    pub fn sampled(&self) -> Vec<Filter> {
        let start = self.life.start_ns.map(|start_ns| is("start_ns", start_ns));
        [Some(is("pid", self.life.pid)), start].into_iter().flatten().collect()
    }

    /// Whether a start in another table is its own: they are counted in different steps.
    pub fn began_at(&self, start_ns: Option<u64>) -> bool {
        let known = self.life.start_ns.zip(start_ns);
        known.is_none_or(|(own, other)| own.abs_diff(other) <= START_SLACK_NS.unsigned_abs())
    }

    /// Its rows in other tables.
    pub fn rows(&self) -> Vec<Filter> {
        vec![is("pid", self.life.pid)]
    }
}
