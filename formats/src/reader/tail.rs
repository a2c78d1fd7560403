//! The rows of a table that are in the journal only, as a block made in memory.

use crate::block::{BlockError, Encoder, Rows};
use crate::record::RecordView;
use crate::schema::Schema;
use crate::segment::{Access, IndexEntry, SegmentError, SegmentView};

/// Rows of a table that are in no block are a block's at most, and what came within a second. More
/// cells than this are damage, or made to fill the memory of their reader.
const MOST_TAIL_CELLS: usize = 1 << 23;

/// The same in bytes: strings may be long, and cells of which hardly any changes are few.
const MOST_TAIL_BYTES: usize = 64 << 20;

/// The same in samples or events: so many take no second to come.
const MOST_TAIL_SAMPLES: usize = 1 << 20;

/// Columns of all instances that a record may have: a block that has more is not read.
const MOST_COLUMNS: usize = 1 << 21;

/// The most of instances times samples, a bit each, as in a block.
const MOST_PRESENCES: usize = 1 << 29;

/// The block of the rows of `table` that the journal has and no block; `None` when there are none.
/// Damaged entries are told in `problems`.
pub fn block(
    access: Access,
    view: &SegmentView,
    table: u32,
    schema: &Schema,
    problems: &mut Vec<SegmentError>,
) -> Result<Option<Vec<u8>>, SegmentError> {
    let sealed = view.ends(table)?.map(|(_, last)| last);
    let rows = rows(access, view, table, schema, sealed, problems)?;
    if rows.samples() == 0 {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    Encoder::default().encode(&rows, schema, table, &mut bytes).map_err(SegmentError::Tail)?;
    Ok(Some(bytes))
}

fn rows(
    access: Access,
    view: &SegmentView,
    table: u32,
    schema: &Schema,
    sealed: Option<IndexEntry>,
    problems: &mut Vec<SegmentError>,
) -> Result<Rows, SegmentError> {
    let salvaged = access == Access::Salvaged;
    let mut rows = Rows::packed(schema);
    let mut before = sealed.map_or(0, |sealed| sealed.records);
    let mut is_full = false;
    view.journal(|record| {
        let (number, record) = match record {
            Ok((of, number, record)) if of == table => (number, record),
            Ok(_) => return,
            Err(problem) => return problems.push(problem),
        };
        let view = RecordView::access(record, schema.row_width(), schema.key_width());
        let record = match view {
            Ok(record) => record,
            Err(problem) => return problems.push(problem.into()),
        };
        // What was found by searching the file may long be in a block, and its index does not
        // know the numbers of records.
        let is_sealed = sealed.is_some_and(|sealed| match record.times().last() {
            Some(last) if salvaged => last.to_native() <= sealed.last_ns,
            _ => number <= sealed.records,
        });
        if is_sealed {
            return;
        }
        // In a file that was searched nothing is missing that is not told as damage, and entries
        // may be there whose commit never ended.
        if !salvaged && number > before.saturating_add(1) {
            let missing = number - before - 1;
            problems.push(SegmentError::MissingRecords { table, missing });
        }
        before = number;
        if !fits(&rows, &record) {
            if !std::mem::replace(&mut is_full, true) {
                problems.push(SegmentError::Tail(BlockError::Layout("length of the journal")));
            }
            return;
        }
        if let Err(problem) = rows.append(&record)
            && !salvaged
        {
            problems.push(problem.into());
        }
    })?;
    Ok(rows)
}

/// Whether a record may be added to these rows.
fn fits(rows: &Rows, record: &RecordView<'_>) -> bool {
    let cells = |rows: usize, width: usize| rows.saturating_mul(width.max(1));
    let instances = rows.instances().max(record.instances());
    rows.size_bytes() <= MOST_TAIL_BYTES
        && rows.samples() <= MOST_TAIL_SAMPLES
        && cells(rows.rows.len().saturating_add(record.rows()), rows.width) <= MOST_TAIL_CELLS
        && cells(instances, rows.width) <= MOST_COLUMNS
        && instances.saturating_mul(rows.samples() + record.times().len()) <= MOST_PRESENCES
}
