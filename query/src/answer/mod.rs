//! From a recording to rows.
//!
//! Items of a scan come in order of time, decoded by threads of the reader. Here they become rows:
//! `samples` turns blocks into rows as they were sampled, `steps` into a row a step. Both hold
//! one block and, for each instance that is alive, a few words; nothing grows with the range.

mod emitter;
mod folding;
mod growth;
mod history;
mod instance_column;
mod instances;
mod keys;
mod samples;
mod sketch;
mod steps;
mod tally;
#[cfg(test)]
mod tests;
mod tier;

use crate::error::{Outcome, QueryError};
use crate::gaps;
use crate::question::Plan;
use crate::rows::{Missing, Sink};
use emitter::Emitter;
use history::Break;
use nodemon_formats::reader::{ReadError, Recording, ScanItem};

/// What an answer was made from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Rows in the answer.
    pub rows: u64,
    /// Gaps in the answer.
    pub gaps: u64,
    /// Samples (or events) that were looked at, whether they passed or not.
    pub seen: u64,
    /// Where no instance passed: some of the values that the key in question has.
    pub other_keys: Vec<String>,
    /// Up to this wall time a tier answered, with less than was asked for: rows as they were sent
    /// are no longer there.
    pub coarse_until: Option<i64>,
    /// Whether damaged data was left out.
    pub outcome: Outcome,
}

/// Answers a planned question: writes rows and gaps to `sink`, in order of time, and tells `warn`
/// what was damaged and left out. Does not call [`Sink::finish`].
///
/// # Errors
/// When the recording cannot be read or the sink cannot write.
pub fn answer(
    recording: &Recording,
    plan: &Plan,
    sink: &mut dyn Sink,
    warn: &mut dyn FnMut(&ReadError),
) -> Result<Answer, QueryError> {
    let before = plan.request_before();
    let from = if before.is_some() { plan.before() } else { plan.from };
    // All of them, because pieces of one may lie before and behind.
    let gaps = recording.gaps(Some(&plan.schema.name), i64::MIN, i64::MAX)?;
    let near = gaps.iter().filter(|gap| gap.to >= from && gap.from < plan.to);
    let breaks = near.filter_map(Break::from_gap).collect();
    let gaps = gaps::of_answer(gaps, plan);
    let before = before.map(|request| recording.scan(request)).transpose()?;
    let items = before.into_iter().flatten().chain(recording.scan(plan.request())?);
    answer_items(items, gaps, breaks, plan, sink, warn)
}

/// [`answer`], from the items of a scan.
fn answer_items(
    items: impl Iterator<Item = Result<ScanItem, ReadError>>,
    gaps: Vec<Missing>,
    breaks: Vec<Break>,
    plan: &Plan,
    sink: &mut dyn Sink,
    warn: &mut dyn FnMut(&ReadError),
) -> Result<Answer, QueryError> {
    let mut emitter = Emitter::new(gaps, plan.step, sink);
    let mut outcome = Outcome::Complete;
    let mut engine = match plan.step {
        None => Engine::Samples(samples::Samples::new(plan, breaks)),
        Some(step) => Engine::Steps(steps::Steps::new(plan, step, breaks)),
    };
    let (mut seen, mut coarse_until) = (0, None);
    for item in items {
        match (item?, &mut engine) {
            (ScanItem::Chunk(mut chunk), engine) => {
                if !plan.frames {
                    folding::fold_chunk(&mut chunk);
                }
                let is_before = |time: &i64| *time < plan.from;
                seen += chunk.rows() - chunk.times.partition_point(is_before);
                match engine {
                    Engine::Samples(samples) => samples.chunk(&chunk, None, &mut emitter)?,
                    Engine::Steps(steps) => steps.chunk(&chunk, None, &mut emitter)?,
                }
            }
            (ScanItem::Summary(mut summary), engine) => {
                if !plan.frames {
                    folding::fold_summary(&mut summary);
                }
                let is_wanted = summary.times.1 >= plan.from;
                seen += if is_wanted { summary.rows } else { 0 };
                if is_wanted && tier::is_coarser_than_asked(&summary, plan) {
                    coarse_until = Some(summary.times.1);
                }
                match engine {
                    Engine::Steps(steps) if plan.value_tests.is_empty() => {
                        steps.summary(&summary, &mut emitter)?;
                    }
                    Engine::Steps(steps) => {
                        steps.chunk(&tier::as_row(&summary), Some(&summary), &mut emitter)?;
                    }
                    Engine::Samples(samples) => {
                        samples.chunk(&tier::as_row(&summary), Some(&summary), &mut emitter)?;
                    }
                }
            }
            (ScanItem::Problem(problem), _) => {
                outcome = Outcome::Damaged;
                warn(&problem);
            }
        }
    }
    if let Engine::Steps(steps) = &mut engine {
        steps.finish(&mut emitter)?;
    }
    emitter.finish()?;
    let other_keys = match &engine {
        Engine::Samples(samples) => samples.refused_keys(),
        Engine::Steps(steps) => steps.refused_keys(),
    };
    let (rows, gaps, seen) = (emitter.rows(), emitter.gaps(), seen as u64);
    Ok(Answer { rows, gaps, seen, other_keys, coarse_until, outcome })
}

enum Engine<'a> {
    Samples(samples::Samples<'a>),
    Steps(steps::Steps<'a>),
}
