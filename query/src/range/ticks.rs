//! What should be known of times that the kernel counts in ticks.

use crate::columns::label;
use crate::context::Context;
use crate::question::{Aggregate, Plan};
use crate::rows::Field;
use nodemon_formats::units::show_duration;

/// Rates over fewer ticks than this say less than their digits.
const FINE_TICKS: u64 = 20;

/// Tells of what is left blank because it is asked for over less than a tick, and which step would
/// do; or else of rates over little more than that.
pub fn note(context: &Context, plan: &Plan) {
    if let Some(text) = text(plan) {
        context.note(&text);
    }
}

fn text(plan: &Plan) -> Option<String> {
    let tested = plan.value_tests.iter().map(|test| &plan.slots[test.slot]);
    if let Some(slot) = tested.into_iter().find(|slot| plan.is_below_resolution(slot)) {
        let column = plan.schema.row_columns().nth(slot.column)?;
        let (ticks, over_ns) =
            (show_duration(column.quantum.cast_signed()), plan.schema.interval_ns);
        let (name, over) = (label(column), show_duration(over_ns.cast_signed()));
        return Some(format!(
            "the kernel counts {name} in steps of {ticks}, and samples are {over} apart: no row can \
             pass -w {name}"
        ));
    }
    let values = || plan.header.fields.iter().skip(plan.keys.len()).zip(&plan.cells);
    let blank: Vec<_> = values().filter(|(_, cell)| plan.is_blank(cell)).collect();
    if let Some((first, cell)) = blank.first() {
        let is_mean = cell.aggregate.is_none_or(|aggregate| aggregate == Aggregate::Avg);
        let over_ns = if is_mean { plan.header.interval_ns } else { plan.schema.interval_ns };
        let step = typed(first.quantum);
        let remedy = match is_mean {
            true => format!("--step {step} shows them"),
            false => format!("--agg avg with a --step of at least {step} shows them"),
        };
        let counted = counted(blank.iter().map(|(field, _)| *field), first);
        let over = show_duration(over_ns.cast_signed());
        return Some(format!("{counted}: blank, because {over} is less than that; {remedy}"));
    }
    let over_ns = plan.header.interval_ns;
    let is_coarse = |field: &&Field| {
        field.unit == "ns/s" && field.quantum > 0 && over_ns < field.quantum * FINE_TICKS
    };
    let coarse: Vec<&Field> = plan.header.fields.iter().filter(is_coarse).collect();
    let first = coarse.first().filter(|_| over_ns > 0)?;
    let percent = first.quantum.saturating_mul(100) / over_ns;
    let counted = counted(coarse.iter().copied(), first);
    let over = show_duration(over_ns.cast_signed());
    Some(format!("{counted}: over {over} they are accurate to {percent} %; --step takes longer"))
}

fn counted<'a>(fields: impl Iterator<Item = &'a Field>, first: &Field) -> String {
    let mut labels: Vec<&str> = Vec::new();
    for field in fields {
        if !labels.contains(&field.label.as_str()) {
            labels.push(&field.label);
        }
    }
    let ticks = show_duration(first.quantum.cast_signed());
    format!("the kernel counts {} in steps of {ticks}", labels.join(", "))
}

/// A length of time as it can be typed.
fn typed(ns: u64) -> String {
    let units = [(1_000_000_000, "s"), (1_000_000, "ms"), (1_000, "us")];
    let unit = units.iter().find(|(unit_ns, _)| ns.is_multiple_of(*unit_ns));
    unit.map_or(format!("{ns}ns"), |(unit_ns, unit)| format!("{}{unit}", ns / unit_ns))
}
