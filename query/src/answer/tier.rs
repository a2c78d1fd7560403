//! What tiers answer with, where rows as they were sent are no longer there.

use crate::question::Plan;
use nodemon_formats::reader::{Cells, Chunk, Presence, Summary, Words};

/// Whether a summary stands for more time than the answer may join.
pub fn is_coarser_than_asked(summary: &Summary, plan: &Plan) -> bool {
    let is_of_tier = summary.times.0 == summary.times.1 && summary.rows > 1;
    let covers_ns = plan.schema.interval_ns.saturating_mul(summary.rows.saturating_sub(1) as u64);
    let joins_ns = plan.step.map_or(0, |step| step.length.unsigned_abs());
    is_of_tier && covers_ns > joins_ns
}

/// The last sample of a step of a tier, as a row: of a tier that is what is left of the values.
pub fn as_row(summary: &Summary) -> Chunk {
    let cells = summary.columns.iter().map(|column| Cells {
        words: Words::Constant(column.last),
        present: if column.count > 0 { Presence::All } else { Presence::None },
    });
    let is_there = |instance: usize| {
        let of_instance = summary.columns.iter().skip(instance).step_by(summary.instances.len());
        of_instance.clone().count() == 0 || of_instance.clone().any(|column| column.count > 0)
    };
    let presence = |there| if there { Presence::All } else { Presence::None };
    Chunk {
        schema: summary.schema.clone(),
        times: vec![summary.times.1],
        boot_times: vec![summary.boot_times.1],
        instances: summary.instances.clone(),
        selected: summary.selected.clone(),
        cells: cells.collect(),
        present: (0..summary.instances.len()).map(|i| presence(is_there(i))).collect(),
        strings: summary.strings.clone(),
    }
}
