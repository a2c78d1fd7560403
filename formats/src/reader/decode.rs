//! A block into a chunk, a summary, or the steps of a tier.

use super::plan::{Bytes, SegmentPlan};
use super::timeline::Timeline;
use super::{Cells, Chunk, ColumnRollup, Presence, ReadError, Rollup, ScanItem, Summary, Words};
use super::{histograms, steps};
use crate::block::{Block, BlockError, Decompressor};
use crate::segment::SegmentError;
use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

/// The bytes of the `at`-th block of a plan.
///
/// # Errors
/// When they cannot be found, or are not what was written.
pub fn fetch(plan: &SegmentPlan, at: usize) -> Result<Cow<'_, [u8]>, ReadError> {
    match &plan.blocks[at].0 {
        Bytes::Stored(entry) => {
            let stored = stored_block(plan, entry.id);
            stored.map(Cow::Owned).map_err(|error| plan.segment.error(error))
        }
        Bytes::Made(bytes) => Ok(Cow::Borrowed(bytes)),
    }
}

/// Decodes the `at`-th block of a plan, which has these bytes; nothing comes of it when none of its
/// rows is wanted.
pub fn block(
    plan: &SegmentPlan,
    at: usize,
    bytes: &[u8],
    timeline: &Timeline,
    rollup: Option<Rollup>,
    decompressor: &mut Decompressor,
) -> Result<Vec<ScanItem>, ReadError> {
    let (segment, wanted) = (&plan.segment, &plan.wanted);
    let entry = match &plan.blocks[at].0 {
        Bytes::Stored(entry) => Some(entry),
        Bytes::Made(_) => None,
    };
    let damaged = |why| {
        segment.error(match entry {
            Some(entry) => SegmentError::Block { id: entry.id, why },
            None => SegmentError::Tail(why),
        })
    };
    let block = Block::open(bytes, &plan.schema, decompressor).map_err(damaged)?;
    if entry.is_some_and(|entry| !entry.is_of(block.header(), block.times())) {
        return Err(damaged(BlockError::Layout("block against its index entry")));
    }
    let boot_times = block.times();
    let times = timeline.wall_times(segment.boot, boot_times);
    let rows = times.partition_point(|time| *time < wanted.from)
        ..times.partition_point(|time| *time < wanted.to);
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    if plan.schema.tier_ns > 0 {
        return steps::of_block(plan, &block, &times, rows, decompressor, &damaged)
            .map_err(damaged);
    }
    let is_whole = rows == (0..times.len());
    let longest_ns = crate::growth::longest_ns(wanted.schema.interval_ns);
    let has_pause = || boot_times.windows(2).any(|pair| pair[1] - pair[0] > longest_ns);
    if let Some(rollup) = rollup
        && is_whole
        && !has_pause()
        && step_of(rollup, times[0]) == step_of(rollup, times[times.len() - 1])
        && let Some(columns) = rollups(&block, plan)
    {
        return Ok(vec![ScanItem::Summary(Summary {
            schema: wanted.schema.clone(),
            instances: block.instances(&plan.schema),
            selected: wanted.selected.clone(),
            times: (times[0], times[times.len() - 1]),
            boot_times: (boot_times[0], boot_times[boot_times.len() - 1]),
            rows: times.len(),
            columns,
            strings: block.strings().clone(),
            tier: None,
        })]);
    }
    let existing: Vec<usize> = plan.columns.iter().flatten().copied().collect();
    let decoded = block.columns(&existing, decompressor).map_err(damaged)?;
    let instances = block.instances(&plan.schema);
    let mut decoded = decoded.into_iter();
    let mut cells = Vec::with_capacity(plan.columns.len() * instances.len());
    for column in &plan.columns {
        for _ in 0..instances.len() {
            let missing = || Cells { words: Words::Constant(0), present: Presence::None };
            let found = if column.is_some() { decoded.next() } else { None };
            cells.push(found.unwrap_or_else(missing));
        }
    }
    let mut present = block.presence();
    if !is_whole {
        cells.iter_mut().for_each(|cells| crop_cells(cells, &rows));
        present.iter_mut().for_each(|presence| crop_presence(presence, &rows));
    }
    let mut items = Vec::with_capacity(1);
    for (at, column) in plan.columns.iter().enumerate() {
        let described = column.and_then(|column| plan.schema.row_columns().nth(column));
        let of_instances = &mut cells[at * instances.len()..(at + 1) * instances.len()];
        let problem = described.and_then(|described| {
            histograms::check(described, of_instances, 0..rows.len(), block.strings())
        });
        items.extend(problem.map(|why| ScanItem::Problem(damaged(why))));
    }
    items.push(ScanItem::Chunk(Chunk {
        schema: wanted.schema.clone(),
        boot_times: boot_times[rows.clone()].to_vec(),
        times: if is_whole { times } else { times[rows].to_vec() },
        instances,
        selected: wanted.selected.clone(),
        cells,
        present,
        strings: block.strings().clone(),
    }));
    Ok(items)
}

/// The bytes of a block: where redb cannot find them any more, by searching the file.
fn stored_block(plan: &SegmentPlan, id: u64) -> Result<Vec<u8>, SegmentError> {
    match plan.view.block(id) {
        Err(damage @ (SegmentError::Database(_) | SegmentError::Missing { .. })) => {
            match plan.segment.salvaged() {
                Some(salvaged) => salvaged.view()?.block(id),
                None => Err(damage),
            }
        }
        bytes => bytes,
    }
}

fn step_of(rollup: Rollup, time: i64) -> i64 {
    time.saturating_sub(rollup.origin).div_euclid(rollup.step.max(1))
}

fn rollups(block: &Block<'_>, plan: &SegmentPlan) -> Option<Vec<ColumnRollup>> {
    let existing: Vec<usize> = plan.columns.iter().flatten().copied().collect();
    let mut known = block.rollups(&existing, &plan.schema)?.into_iter();
    let instances = block.header().instances as usize;
    let mut columns = Vec::with_capacity(plan.columns.len() * instances);
    for column in &plan.columns {
        for _ in 0..instances {
            columns.push(if column.is_some() { known.next()? } else { ColumnRollup::NOTHING });
        }
    }
    Some(columns)
}

fn crop_cells(cells: &mut Cells, rows: &Range<usize>) {
    if let Words::Each(words) = &mut cells.words {
        words.crop(rows);
    }
    crop_presence(&mut cells.present, rows);
}

fn crop_presence(presence: &mut Presence, rows: &Range<usize>) {
    let Presence::Some(_) = presence else { return };
    let mut bits = vec![0u64; rows.len().div_ceil(64)];
    let mut count = 0;
    for (to, from) in rows.clone().enumerate() {
        if presence.at(from) {
            bits[to / 64] |= 1 << (to % 64);
            count += 1;
        }
    }
    *presence = match count {
        0 => Presence::None,
        all if all == rows.len() => Presence::All,
        _ => Presence::Some(Arc::new(bits)),
    };
}
