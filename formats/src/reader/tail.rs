//! The rows of a table that are in the journal only, as a block made in memory.

use crate::block::{BlockError, Encoder, Rows};
use crate::record::RecordView;
use crate::schema::Schema;
use crate::segment::{Access, IndexEntry, SegmentError, SegmentView};

/// Rows of a table that are in no block take 1 MiB and what came within a second. More than this is
/// damage, or made to fill the memory of its reader.
const MOST_TAIL_BYTES: usize = 64 << 20;

/// The same in samples or events: so many take no second to come.
const MOST_TAIL_SAMPLES: usize = 1 << 20;

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
        if rows.size_bytes() > MOST_TAIL_BYTES || rows.samples() > MOST_TAIL_SAMPLES {
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
