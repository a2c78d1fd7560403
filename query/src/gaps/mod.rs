//! Gaps as people read them.
//!
//! While something does not answer, the recorder writes a piece of its gap with every commit, so
//! that a crash loses none of it; and what a source misses is a gap of each of its tables. Here the
//! pieces are one gap again ([`join`]), and tables that miss the same are told [`together`].

mod join;
mod together;

pub use join::{Interval, join};
pub use together::{ReportedGap, together};

use crate::question::Plan;
use crate::rows::Missing;
use nodemon_formats::reader::{ReadError, Recording, WallGap};
use std::collections::HashMap;

/// Every gap of a recording, with their pieces joined.
///
/// # Errors
/// When the recording cannot be read.
pub fn all(recording: &Recording) -> Result<Vec<WallGap>, ReadError> {
    let schemas = recording.schemas();
    let interval = |schema: &std::sync::Arc<nodemon_formats::Schema>| {
        (schema.name.clone(), schema.interval_ns.cast_signed())
    };
    let intervals: HashMap<String, i64> = schemas.iter().map(interval).collect();
    let gaps = recording.gaps(None, i64::MIN, i64::MAX)?;
    Ok(join(gaps, Interval::ByTable(&intervals)))
}

/// The same gaps, those of tables that miss the same as one.
pub fn reported(gaps: Vec<WallGap>) -> Vec<ReportedGap> {
    together(gaps.into_iter().map(|gap| (gap.gap.table.clone(), Missing::from(gap))))
}

/// The gaps of an answer, out of all of its table.
pub fn of_answer(gaps: Vec<WallGap>, plan: &Plan) -> Vec<Missing> {
    let joined = join(gaps, Interval::Same(plan.schema.interval_ns.cast_signed()));
    // Steps begin before what was asked for.
    let asked = plan.from.saturating_add(plan.step.map_or(0, |step| step.length));
    let is_told =
        |gap: &WallGap| gap.from < plan.to && gap.to >= plan.from && is_worth_a_line(gap, asked);
    joined.into_iter().filter(is_told).map(Missing::from).collect()
}

/// Whether a gap is told in an answer about the time from `from` on. That no samples came before
/// the first one, because what takes them was starting, is told only to whom asks about the time
/// before; `info` and `verify` tell it always.
pub fn is_worth_a_line(gap: &WallGap, from: i64) -> bool {
    from < gap.from || !gap.gap.is_of_start()
}
