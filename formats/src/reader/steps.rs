//! The steps of a tier, as summaries.

use super::histograms;
use super::plan::SegmentPlan;
use super::{ColumnRollup, InstanceStep, ReadError, ScanItem, Summary, TierStep};
use crate::block::{Block, BlockError, Decompressor};
use crate::narrow::index;
use crate::schema::{Schema, TableKind};
use crate::writer::tier::schema::{
    BEFORE_NS, FIRST_NS, GROWN_NS, IS_THERE, SAMPLES, is_counter, is_numeric_gauge,
};
use std::ops::Range;

/// Columns that a tier keeps of a gauge: its last value, its smallest, its largest, its mean.
const OF_A_GAUGE: usize = 4;

/// Columns that a tier keeps of a counter: its last value, its growth, its first value. Version 1
/// kept the last value alone.
const OF_A_COUNTER: usize = 3;

/// Columns behind those of the table: the time it grew over, its first sample, the sample before
/// that, whether it is there.
const OF_AN_INSTANCE: [&str; 4] = [GROWN_NS, FIRST_NS, BEFORE_NS, IS_THERE];

/// One summary for each of the rows of a block of a tier, behind what `damaged` makes of malformed
/// histograms.
pub fn of_block(
    plan: &SegmentPlan,
    block: &Block<'_>,
    times: &[i64],
    rows: Range<usize>,
    decompressor: &mut Decompressor,
    damaged: &dyn Fn(BlockError) -> ReadError,
) -> Result<Vec<ScanItem>, BlockError> {
    let schema = &plan.schema;
    let is_of_a_tier = schema.values.last().is_some_and(|column| column.name == SAMPLES);
    if schema.kind != TableKind::Sample || !is_of_a_tier {
        return Err(BlockError::Layout("schema of a tier"));
    }
    let knows_growth = knows_growth(schema);
    let width = |column: usize| match &schema.values[column] {
        column if is_numeric_gauge(column) => OF_A_GAUGE,
        column if knows_growth && is_counter(column) => OF_A_COUNTER,
        _ => 1,
    };
    let mut stored = Vec::new();
    for &column in plan.columns.iter().flatten() {
        stored.extend(column..column + width(column));
    }
    let of_an_instance = stored.len();
    if knows_growth {
        stored.extend(schema.values.len() - 1 - OF_AN_INSTANCE.len()..schema.values.len() - 1);
    }
    // The last column says how many samples a step stands for.
    stored.push(schema.values.len() - 1);
    let mut decoded = block.columns(&stored, decompressor)?;
    let instances = block.instances(schema);
    let mut steps = Vec::with_capacity(rows.len());
    for (&column, cells) in stored.iter().zip(decoded.chunks_mut(instances.len().max(1))) {
        let column = &schema.values[column];
        let problem = histograms::check(column, cells, rows.clone(), block.strings());
        steps.extend(problem.map(|why| ScanItem::Problem(damaged(why))));
    }
    let samples = &decoded[(stored.len() - 1) * instances.len()..];
    for row in rows {
        let mut columns = Vec::with_capacity(plan.columns.len() * instances.len());
        let mut tier = TierStep::default();
        let cell_at = |column: usize, instance: usize| {
            let cells = &decoded[column * instances.len() + instance];
            cells.present.at(row).then(|| cells.words.at(row))
        };
        let mut from = 0;
        for column in &plan.columns {
            let width = column.map_or(0, width);
            for instance in 0..instances.len() {
                let cell = |at: usize| &decoded[(from + at) * instances.len() + instance];
                let word = |at: usize| cell(at).words.at(row);
                let count = samples[instance].words.at(row);
                columns.push(if width == 0 || !cell(0).present.at(row) {
                    ColumnRollup::NOTHING
                } else if width == OF_A_GAUGE {
                    let sum = f64::from_bits(word(3)) * count as f64;
                    let (last, min, max) = (word(0), word(1), word(2));
                    ColumnRollup { count, first: last, last, min, max, sum }
                } else {
                    let last = word(0);
                    ColumnRollup { count, first: last, last, min: last, max: last, sum: f64::NAN }
                });
                if knows_growth {
                    let of_counter = |at| match width {
                        OF_A_COUNTER => cell_at(from + at, instance),
                        _ => None,
                    };
                    tier.grown.push(of_counter(1));
                    tier.first.push(of_counter(2));
                }
            }
            from += width;
        }
        if knows_growth {
            tier.instances.extend((0..instances.len()).map(|instance| InstanceStep {
                is_in_step: cell_at(of_an_instance + 3, instance).is_some(),
                grown_ns: cell_at(of_an_instance, instance).unwrap_or(0),
                first_ns: cell_at(of_an_instance + 1, instance),
                before_ns: cell_at(of_an_instance + 2, instance),
                is_there: cell_at(of_an_instance + 3, instance) == Some(1),
            }));
        }
        let boot_time = block.times()[row];
        let most = samples.iter().map(|cells| cells.words.at(row)).max();
        steps.push(ScanItem::Summary(Summary {
            schema: plan.wanted.schema.clone(),
            instances: instances.clone(),
            selected: plan.wanted.selected.clone(),
            times: (times[row], times[row]),
            boot_times: (boot_time, boot_time),
            rows: index(most.unwrap_or(0)),
            columns,
            strings: block.strings().clone(),
            tier: Some(tier),
        }));
    }
    Ok(steps)
}

/// Whether a table of a tier says what counters grew by.
pub fn knows_growth(schema: &Schema) -> bool {
    let columns = schema.values.iter().rev().skip(1).take(OF_AN_INSTANCE.len()).rev();
    columns.map(|column| column.name.as_str()).eq(OF_AN_INSTANCE)
}
